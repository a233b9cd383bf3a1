"""The last word on a rollout that was followed: live, refused, failed or waiting, with the cause. Pure but for printing."""

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from twinstage import wire
from twinstage.cli import screen, words
from twinstage.cli.screen import Text
from twinstage.cli.visible import spoken

LINES = 20
"""Of a log's end: enough for the cause, and still on the screen with what is above it."""


def show(console: Console, journey: wire.Journey, *, drawn: bool = False) -> None:
    """``drawn``: its steps stand above already."""
    it = journey.rollout
    if it.state == "live":
        console.print(f"[good]✔[/] {name(it)} live in {took(it)}{'' if drawn else _compared(journey)}")
        return
    if it.open:
        console.print(f"[warn]![/] {name(it)} waits for a person: {escape(it.reason.sentence)}")
    elif it.state == "failed":
        _failed(console, journey)
    else:
        console.print(f"[warn]–[/] {name(it)} {it.state} after {took(it)}: {escape(it.reason.sentence)}")
    if journey.unblock:
        console.print(f"[busy]→[/] {escape(journey.unblock)}")


def name(it: wire.Rollout) -> str:
    """``orders r_7f3a12bc9d01``; the commit where there is no release yet."""
    identifier = it.release or words.short(it.commit)
    return f"[name]{escape(it.service)}[/] [id]{identifier}[/]"


def took(it: wire.Rollout) -> str:
    return words.span((it.entered - it.submitted).total_seconds())


def _compared(journey: wire.Journey) -> str:
    """What the canary showed, or why there was none: a promotion says what it stands on."""
    canary = next((s for s in journey.steps if s.phase == "canary"), None)
    if canary is None or not canary.detail:
        return ""
    what = "canary " if canary.detail.startswith("skipped ") else ""
    return f"\n  [quiet]{what}{escape(canary.detail)}[/]"


def _failed(console: Console, journey: wire.Journey) -> None:
    it = journey.rollout
    console.print(f"[bad]✘[/] {name(it)} [bad]failed[/] in {it.phase.value} after {took(it)}")
    console.print(f"  {escape(it.reason.sentence)}", soft_wrap=True)
    for crossing in journey.crossings[:3]:
        text = f"{crossing.ecosystem}: {crossing.source} called {crossing.target}, answered {crossing.answered}"
        console.print(f"  [quiet]{escape(text)}[/]")
    gate, log = blamed(journey)
    if log:
        console.print(f"  [quiet]the end of the log of {escape(gate)}:[/]")
        screen.show(console, log_end(log))


def blamed(journey: wire.Journey) -> tuple[str, str]:
    """(its name, the end of its log): the failed gate, else the last job that did not succeed."""
    for evidence in journey.evidence:
        if not evidence.passed and evidence.log_end.strip():
            return f"gate {evidence.gate}", evidence.log_end
    for job in reversed(journey.jobs):
        if job.result in ("failed", "timed-out") and job.log_end.strip():
            return job.name, job.log_end
    return "", ""


def log_end(log: str) -> Padding:
    """Indented behind a bar. What programs print is shown as text: it must not colour or clear anybody's terminal."""
    lines = log.rstrip().split("\n")[-LINES:]
    text = Text("\n", overflow="fold").join(Text.assemble(("│ ", "quiet"), spoken(line)) for line in lines)
    return Padding(text, (0, 0, 0, 2))
