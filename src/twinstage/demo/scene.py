"""What acts two to five are played on, and how they look at what they did.

What does not see what it claims raises NotProved: the play never says what it has not measured.
"""

from collections.abc import Callable
from dataclasses import dataclass

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.exits import Exit
from twinstage.demo.changes import Change
from twinstage.demo.company import Company
from twinstage.demo.load import Load, Tally
from twinstage.demo.stage import NotProved
from twinstage.model.names import Phase
from twinstage.model.reasons import SENTENCES

CALM = 2.0
"""Seconds of traffic that are watched after a release is over, so that its last requests are counted too."""


@dataclass(frozen=True)
class Scene:
    """The company, and live traffic against its production."""

    company: Company
    load: Load


def committed(company: Company, change: Change) -> str:
    """Commit, and show what is about to be shipped; the commit's short id."""
    commit = company.shop.repository(change.service).commit(change)
    company.stage.says(f"{change.author.name} commits to {change.service}: “{change.title}” ({commit[:10]})")
    return commit[:10]


def ended_with(
    company: Company, expected: Exit, service: str, commit: str, meanwhile: Callable[[], bool] = lambda: True
) -> None:
    """Submit it and wait for its end, which has to be the expected one. ``meanwhile``: as of ``Company.command``."""
    status = company.command("submit", service, commit, meanwhile=meanwhile)
    expect(status == expected, f"exit status {expected.value} from submit", f"{status}")
    newest = company.newest(service)
    expect(newest.commit.startswith(commit), f"a rollout of {commit}", f"the newest is of {newest.commit[:10]}")
    wanted = "live" if expected is Exit.DONE else "failed"
    expect(newest.state == wanted, f"its rollout to be {wanted}", f"{newest.state}: {newest.reason.sentence}")


def failed_in(journey: wire.Journey, phase: Phase) -> None:
    rollout = journey.rollout
    expect(rollout.phase == phase, f"it to fail in {phase}", f"{rollout.phase}: {rollout.reason.sentence}")


def show_steps(company: Company, journey: wire.Journey) -> None:
    for step in journey.steps:
        times = words.span((step.until - step.since).total_seconds()) if step.since and step.until else "–"
        company.stage.proof(f"{step.phase} ({step.state})", f"{times}  {step.detail}".rstrip())


def said(journey: wire.Journey, *codes: str) -> str:
    """The newest sentence with one of these codes in the rollout's journal."""
    starts = tuple(SENTENCES[code].partition("{")[0] for code in codes)
    said = [entry.why for entry in journey.history if any(start in entry.why for start in starts)]
    if not said:
        raise NotProved(f"a verdict ({' or '.join(codes)}) in the journal", journey.rollout.reason.sentence)
    return said[-1]


def calm(company: Company) -> None:
    with company.stage.working(f"watching the traffic for {CALM:.0f} more seconds"):
        company.until(lambda: False, within=CALM)


def summary(traffic: Tally) -> str:
    share = f" ({traffic.failed / traffic.requests:.1%})" if traffic.failed else ""
    skipped = f", {traffic.skipped} not sent" if traffic.skipped else ""
    p99 = f"p99 {traffic.p99 * 1000:.0f} ms"
    return f"{words.count(traffic.requests, 'request')}, {traffic.failed} failed{share}, {p99}{skipped}"


def no_failure(traffic: Tally) -> None:
    expect(traffic.requests > 0, "live traffic", "no request at all")
    worst = "; ".join(f"{f.service} {f.outcome} {f.detail}" for f in traffic.failures[:3])
    expect(not traffic.failed, "no failed request", f"{traffic.failed} of {traffic.requests:,}: {worst}")


def expect(holds: bool, expected: str, seen: str) -> None:
    if not holds:
        raise NotProved(expected, seen)
