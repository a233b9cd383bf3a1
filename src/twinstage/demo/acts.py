"""The five acts. Each does what a person would do, then looks, and returns the figure that proves its claim.

An act that does not see what it claims raises NotProved: the play never says what it has not measured.
"""

from dataclasses import dataclass

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.exits import Exit
from twinstage.demo import changes
from twinstage.demo.company import Company, production_requests
from twinstage.demo.load import Load, Tally
from twinstage.demo.stage import NotProved
from twinstage.model.names import Ecosystem, Phase
from twinstage.model.reasons import SENTENCES

CALM = 2.0
"""Seconds of traffic that are watched after a release is over, so that its last requests are counted too."""


@dataclass(frozen=True)
class Scene:
    """What acts two to five are played on: the company, and live traffic against its production."""

    company: Company
    load: Load


# ------------------------------------------------------------------------------------------------------------- act 2


def good_release(scene: Scene) -> str:
    """A good release of a service that others depend on goes to production by itself, with no failed request."""
    company, start = scene.company, scene.load.mark()
    repository = company.shop.repository("pricing")
    change = changes.new_price_list(repository.read(changes.PRICES))
    number = changes.price_list(repository.read(changes.PRICES)) + 1
    commit = _committed(company, change)
    _ended_with(company, Exit.DONE, "pricing", commit)
    _calm(company)
    seen = company.ask("pricing", "/prices")["price_list"]
    _expect(seen == number, f"price list {number} in production", f"price list {seen}")
    mirrored = _until_mirrored(company, number)
    rollout = company.newest("pricing")
    journey = company.journey(rollout)
    traffic = scene.load.since(start)
    _show_steps(company, journey)
    company.stage.proof("the judge", _said(journey, "PROMOTED", "UNPROVEN"))
    company.stage.proof("production answers with", f"price list {number}, and staging with {mirrored}")
    company.stage.proof("customers meanwhile", _summary(traffic))
    _no_failure(traffic)
    seconds = (rollout.entered - rollout.submitted).total_seconds()
    return f"from commit to production in {words.span(seconds)}; {traffic.requests:,} requests, none failed"


def _until_mirrored(company: Company, number: int) -> int:
    """Staging's baseline is production's: it follows by itself, within moments."""

    def mirrored() -> bool:
        return bool(company.ask("pricing", "/prices", Ecosystem.STAGING)["price_list"] == number)

    if not company.until(mirrored, within=30.0):
        raise NotProved(f"price list {number} in staging too", "an older one 30 s later")
    return number


# ------------------------------------------------------------------------------------------------------------- act 3


def failing_tests(scene: Scene) -> str:
    """A release whose tests fail is refused before staging."""
    company, start = scene.company, scene.load.mark()
    before = company.baseline("cart")
    commit = _committed(company, changes.lost_quantity())
    _ended_with(company, Exit.FAILED, "cart", commit)
    journey = company.journey(company.newest("cart"))
    _failed_in(journey, Phase.DEVELOPMENT)
    failed = [evidence for evidence in journey.evidence if not evidence.passed]
    _expect([e.gate for e in failed] == ["unit"], "the gate unit alone to fail", f"{[e.gate for e in failed]}")
    _expect(company.baseline("cart") == before, "production's cart as before", "another release")
    company.stage.proof("refused", journey.rollout.reason.sentence)
    company.stage.quote(failed[0].log_end)
    traffic = scene.load.since(start)
    company.stage.proof("customers meanwhile", _summary(traffic))
    _no_failure(traffic)
    seconds = (journey.rollout.entered - journey.rollout.submitted).total_seconds()
    return f"refused by gate unit after {words.span(seconds)}, nothing of it ran in staging"


# ------------------------------------------------------------------------------------------------------------- act 4


def fails_in_production(scene: Scene) -> str:
    """A release that passes every test but fails in production is caught on canary traffic and retreats."""
    company, start = scene.company, scene.load.mark()
    before = company.baseline("payments")
    commit = _committed(company, changes.fees_by_country())
    _ended_with(company, Exit.FAILED, "payments", commit)
    over = scene.load.mark()
    journey = company.journey(company.newest("payments"))
    _failed_in(journey, Phase.CANARY)
    _expect(company.baseline("payments") == before, "production's payments as before", "another release")
    _calm(company)
    traffic, after = scene.load.since(start), scene.load.since(over)
    charges = scene.load.since(start, service="payments")
    _show_steps(company, journey)
    company.stage.proof("the judge", _said(journey, "CANARY_WORSE"))
    company.stage.proof("payments meanwhile", _summary(charges))
    company.stage.proof("all customers meanwhile", _summary(traffic))
    company.stage.proof("since its retreat", _summary(after))
    _expect(0 < charges.failed < charges.requests * 0.15, "some failed payments, under 15 %", _summary(charges))
    _no_failure(after)
    return f"{traffic.failed} of {traffic.requests:,} requests failed before it was away, none since"


# ------------------------------------------------------------------------------------------------------------- act 5


def calls_production(scene: Scene) -> str:
    """A release that calls production from staging gets nowhere, and production never hears of it."""
    company, start = scene.company, scene.load.mark()
    before = company.baseline("cart")
    port = company.port("pricing")
    company.stage.says(f"It calls http://127.0.0.1:{port}, production's pricing, as somebody read it off `status`.")
    commit = _committed(company, changes.hard_coded_neighbour(port))
    _ended_with(company, Exit.FAILED, "cart", commit)
    journey = company.journey(company.newest("cart"))
    _failed_in(journey, Phase.STAGING)
    stray = [crossing for crossing in journey.crossings if crossing.kind == "other-ecosystem"]
    _expect(bool(stray), "the sentinel's record of the call", f"{len(journey.crossings)} other crossings")
    _expect(company.baseline("cart") == before, "production's cart as before", "another release")
    first = stray[0]
    company.stage.proof("the sentinel", f"{first.source} called {first.target}, was answered {first.answered}")
    company.stage.proof("its advice", first.advice)
    company.stage.proof("staging", journey.rollout.reason.sentence)
    company.stage.proof("production's access log", _silence(company))
    traffic = scene.load.since(start)
    company.stage.proof("customers meanwhile", _summary(traffic))
    _no_failure(traffic)
    return f"{words.count(len(stray), 'call')} answered by the sentinel, none reached production"


def _silence(company: Company) -> str:
    """That production's log shows no stray request, by a request that it has to show and that was made after them."""
    control = f"control-{company.newest('cart').id}"
    company.ask("pricing", f"/base-prices?from={control}")
    with company.stage.working("waiting for production's access log to be written"):
        written = company.until(lambda: bool(production_requests(control)), within=30.0)
    _expect(written, "the play's own request in production's access log", "nothing within 30 s")
    strays = production_requests(changes.STRAY)
    _expect(not strays, "no stray request in production's access log", f"{len(strays)}, first {strays[:1]}")
    return f"shows the play's own request ({control}), and none from {changes.STRAY}"


# ---------------------------------------------------------------------------------------------------------- together


def _committed(company: Company, change: changes.Change) -> str:
    """Commit, and show what is about to be shipped; the commit's short id."""
    commit = company.shop.repository(change.service).commit(change)
    company.stage.says(f"{change.author.name} commits to {change.service}: “{change.title}” ({commit[:10]})")
    return commit[:10]


def _ended_with(company: Company, expected: Exit, service: str, commit: str) -> None:
    status = company.command("submit", service, commit)
    _expect(status == expected, f"exit status {expected.value} from submit", f"{status}")
    newest = company.newest(service)
    _expect(newest.commit.startswith(commit), f"a rollout of {commit}", f"the newest is of {newest.commit[:10]}")
    wanted = "live" if expected is Exit.DONE else "failed"
    _expect(newest.state == wanted, f"its rollout to be {wanted}", f"{newest.state}: {newest.reason.sentence}")


def _failed_in(journey: wire.Journey, phase: Phase) -> None:
    rollout = journey.rollout
    _expect(rollout.phase == phase, f"it to fail in {phase}", f"{rollout.phase}: {rollout.reason.sentence}")


def _show_steps(company: Company, journey: wire.Journey) -> None:
    for step in journey.steps:
        times = words.span((step.until - step.since).total_seconds()) if step.since and step.until else "–"
        company.stage.proof(f"{step.phase} ({step.state})", f"{times}  {step.detail}".rstrip())


def _said(journey: wire.Journey, *codes: str) -> str:
    """The newest sentence with one of these codes in the rollout's journal."""
    starts = tuple(SENTENCES[code].partition("{")[0] for code in codes)
    said = [entry.why for entry in journey.history if any(start in entry.why for start in starts)]
    if not said:
        raise NotProved(f"a verdict ({' or '.join(codes)}) in the journal", journey.rollout.reason.sentence)
    return said[-1]


def _calm(company: Company) -> None:
    with company.stage.working(f"watching the traffic for {CALM:.0f} more seconds"):
        company.until(lambda: False, within=CALM)


def _summary(traffic: Tally) -> str:
    share = f" ({traffic.failed / traffic.requests:.1%})" if traffic.failed else ""
    skipped = f", {traffic.skipped} not sent" if traffic.skipped else ""
    p99 = f"p99 {traffic.p99 * 1000:.0f} ms"
    return f"{words.count(traffic.requests, 'request')}, {traffic.failed} failed{share}, {p99}{skipped}"


def _no_failure(traffic: Tally) -> None:
    _expect(traffic.requests > 0, "live traffic", "no request at all")
    worst = "; ".join(f"{f.service} {f.outcome} {f.detail}" for f in traffic.failures[:3])
    _expect(not traffic.failed, "no failed request", f"{traffic.failed} of {traffic.requests:,}: {worst}")


def _expect(holds: bool, expected: str, seen: str) -> None:
    if not holds:
        raise NotProved(expected, seen)
