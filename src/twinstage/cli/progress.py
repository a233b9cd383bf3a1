"""How a rollout under way is drawn: its phases as steps, its share of the traffic, and why it is where it is. Pure."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.screen import Text
from twinstage.cli.visible import one_line
from twinstage.model.names import Phase

MARKS = {
    "done": ("✔", "good"),
    "now": ("▸", "busy"),
    "ahead": ("·", "quiet"),
    "skipped": ("–", "quiet"),
    "failed": ("✘", "bad"),
}
WIDEST_BAR = 24

_spinner = Spinner("dots", style="busy")
"""One for all: a new one each frame would always show its first picture."""


def title(it: wire.Rollout) -> Text:
    """``orders  9f3a1c2  r_7f3a12  by ada@build7``"""
    text = Text.assemble((it.service, "name"), "  ", (words.short(it.commit), "id"))
    if it.release:
        text.append("  ").append(words.short(it.release), "id")
    if it.kind == "rollback":
        text.append("  rollback", "warn")
    return text.append(f"  by {it.by}", "quiet")


def steps(journey: wire.Journey, width: int) -> RenderableType:
    """The whole picture of one rollout."""
    it = journey.rollout
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=True)
    table.add_column(width=1)
    table.add_column(width=11)
    table.add_column(width=9, justify="right")
    table.add_column(overflow="fold")
    for step in journey.steps:
        mark, style = MARKS[step.state]
        if step.state == "now":
            style = "warn" if it.state == "retreating" else "busy"
        drawn: RenderableType = _spinner if step.state == "now" else Text(mark, style)
        name = Text(step.phase.value, "quiet" if step.state in ("ahead", "skipped") else style)
        table.add_row(drawn, name, Text(_took(step, journey.at), "quiet"), _detail(journey, step, width))
    return Group(title(it), table, _reason(journey))


def _took(step: wire.Step, now: datetime) -> str:
    if step.since is None:
        return ""
    return words.span(((step.until or now) - step.since).total_seconds())


def _detail(journey: wire.Journey, step: wire.Step, width: int) -> Text:
    if step.state != "now":
        return Text(step.detail, "quiet")
    it, health = journey.rollout, journey.health
    parts: list[Text] = []
    if it.share and step.phase in (Phase.CANARY, Phase.PRODUCTION):
        parts.append(share(it.share, min(WIDEST_BAR, max(8, width - 56))))
    if step.detail:
        parts.append(Text(step.detail, "warn"))
    elif step.phase is Phase.DEVELOPMENT and it.state != "building":
        parts.append(gates(journey))
    elif step.phase is Phase.STAGING:
        parts.append(Text(f"lane {it.lane}", "quiet"))
    if health is not None and health.wanted:
        parts.append(Text(f"{words.health(health)} healthy", "good" if health.healthy >= health.wanted else "warn"))
    if it.attempt > 1:
        parts.append(Text(f"attempt {it.attempt}", "warn"))
    return Text("  ").join(parts)


def share(percent: int, width: int) -> Text:
    """``5 % ━───────────``: of production's traffic."""
    drawn = words.bar(percent, width)
    full = len(drawn.rstrip("─"))
    return Text.assemble((f"{percent:>3} % ", "busy"), (drawn[:full], "busy"), (drawn[full:], "quiet"))


def gates(journey: wire.Journey) -> Text:
    """Every gate of the standard with its mark: ``lint ✔  unit ✔  review ·``."""
    known = {e.gate: e for e in journey.evidence}
    text = Text()
    for gate in [*journey.wanted, *(g for g in known if g not in journey.wanted)]:
        evidence = known.get(gate)
        mark, style = ("·", "quiet") if evidence is None else ("✔", "good") if evidence.passed else ("✘", "bad")
        text.append(f"{gate} ", "quiet").append(mark, style).append("  ")
    text.rstrip()
    return text


def _reason(journey: wire.Journey) -> Padding:
    it = journey.rollout
    text = Text(it.reason.sentence, "warn" if it.state == "retreating" else "")
    if it.reason.until is not None and it.open:
        text.append(f"  {words.until(it.reason.until, journey.at)}", "quiet")
    return Padding(text, (0, 0, 0, 3))


def table(journeys: Sequence[wire.Journey]) -> RenderableType:
    """Several at once: a line each."""
    drawn = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for options in ({"width": 1}, {"no_wrap": True}, {"no_wrap": True}, {"justify": "right"}, {"no_wrap": True}):
        drawn.add_column(**options)
    drawn.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for journey in journeys:
        it = journey.rollout
        mark, style = MARKS["now" if it.open else "done" if it.state == "live" else "failed"]
        first: RenderableType = _spinner if it.open else Text(mark, style)
        dots = Text()
        for step in journey.steps:
            dots.append(*MARKS[step.state])
        took = words.span(((journey.at if it.open else it.entered) - it.submitted).total_seconds())
        where = Text(it.state, "quiet" if it.open else style)
        drawn.add_row(
            first, Text(it.service, "name"), dots, Text(took, "quiet"), where, Text(it.reason.sentence, "quiet")
        )
    return drawn


class Lines:
    """The same for pipes and logs: one line when something changes, and never one that only counts."""

    def __init__(self, console: Console) -> None:
        self._console, self._said = console, dict[str, tuple[object, ...]]()

    def show(self, journeys: Sequence[wire.Journey]) -> None:
        for journey in journeys:
            it = journey.rollout
            passed = tuple(e.gate for e in journey.evidence if e.passed) if it.state == "gating" else ()
            now = (it.state, it.share, it.reason.code, it.reason.sentence, passed)
            if self._said.get(it.id) == now:
                continue
            self._said[it.id] = now
            took = words.span((journey.at - it.submitted).total_seconds())
            traffic = f" ({it.share} %)" if it.share else ""
            done = f" [{', '.join(passed)} passed]" if passed else ""
            text = f"{took:>9}  {it.service}  {it.state}{traffic}: {it.reason.sentence}{done}"
            self._console.print(one_line(text), markup=False, soft_wrap=True)
