"""``twinstage why``"""

from typing import Annotated

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from twinstage import wire
from twinstage.cli import progress, summary, words
from twinstage.cli.company import Json, Named, reach
from twinstage.cli.screen import Text, as_json, output, show
from twinstage.cli.subjects import rollout_of
from twinstage.cli.table import frozen
from twinstage.model.database import MAIN

MOVE = {
    "release": "the release itself",
    "platform": "the platform; it goes on by itself",
    "operator": "an operator",
    "clock": "nobody; it takes its time",
}


def why(
    subject: Annotated[
        str, typer.Argument(metavar="SERVICE|ROLLOUT|RELEASE", help="What to explain.", show_default=False)
    ],
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Explain why a release is where it is: what it waits for, whose move it is, until when, and how it came there."""
    console = output()
    with reach(ecosystem) as client:
        found = rollout_of(client, subject)
        if found is None:
            service = client.service(subject)
            if json:
                as_json(service)
            else:
                console.print(
                    f"[name]{service.name}[/] was never submitted; `twinstage submit {service.name}` ships it"
                )
            return
        journey = client.why(found.id)
    if json:
        as_json(journey)
        return
    show(console, explain(journey))


def explain(journey: wire.Journey) -> RenderableType:
    parts: list[RenderableType] = [progress.title(journey.rollout), _answer(journey), Text(), _steps(journey)]
    if journey.evidence or journey.rollout.state in ("building", "gating"):
        parts += [_heading("evidence"), _evidence(journey)]
    label, log = summary.blamed(journey)
    if log and not journey.rollout.open:
        parts += [_heading(f"end of the log of {label}"), summary.log_end(log)]
    if journey.migrations:
        parts += [_heading("migrations"), _migrations(journey)]
    if journey.crossings:
        parts += [_heading("crossings"), _crossings(journey)]
    if journey.breaks:
        parts += [_heading("breaks of the mirror"), _breaks(journey)]
    if journey.history:
        parts += [_heading("history"), _history(journey)]
    return Group(*parts)


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "quiet")


def _answer(journey: wire.Journey) -> Table:
    """Where, why, whose move, since, until, and what would let it move."""
    it = journey.rollout
    state = it.state if it.open else {"live": "live"}.get(it.state, f"{it.state} in {it.phase.value}")
    where = Text(state, {"live": "good", "failed": "bad"}.get(it.state, "busy" if it.open else "warn"))
    if it.share:
        where.append(f" on {it.share} % of production traffic")
    if journey.health is not None and journey.health.wanted:
        where.append(f", {words.health(journey.health)} healthy")
        if journey.health.detail:
            where.append(f" ({journey.health.detail})", "warn")
    rows = [("where", where), ("why", Text(it.reason.sentence))]
    if it.open:
        rows.append(("whose move", Text(MOVE.get(it.reason.owner, it.reason.owner))))
    rows.append(("since", Text(f"{words.moment(it.entered, journey.at)} ({words.ago(it.entered, journey.at)})")))
    if it.open:
        limit = words.until(it.reason.until or it.deadline, journey.at)
        rows.append(
            ("until", Text(limit.removeprefix("until ")).append("" if it.reason.until else ", its limit", "quiet"))
        )
    rows += [("skipped", Text(f"{skip.phase.value}, by {skip.by}: {skip.why}", "warn")) for skip in it.skipped]
    if journey.freeze is not None and it.reason.code != "FROZEN":
        rows.append(("frozen", Text(frozen(journey.freeze, journey.at), "warn")))
    if journey.unblock:
        rows.append(("to move on" if it.open else "what to do", Text(journey.unblock, "busy")))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="quiet", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _steps(journey: wire.Journey) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for step in journey.steps:
        mark, style = progress.MARKS[step.state]
        took = words.span(((step.until or journey.at) - step.since).total_seconds()) if step.since else ""
        quiet = step.state in ("ahead", "skipped")
        name = Text(step.phase.value, "quiet" if quiet else "")
        table.add_row(Text(mark, style), name, Text(took, "quiet"), Text(step.detail, "quiet"))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="quiet")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _evidence(journey: wire.Journey) -> Table:
    known = {e.gate: e for e in journey.evidence}
    said = any(not it.passed for it in journey.evidence)
    table = _table("gate", "", "took", "by", *(["detail"] if said else []))
    for gate in [*journey.wanted, *(g for g in known if g not in journey.wanted)]:
        it = known.get(gate)
        if it is None:
            table.add_row(gate, Text("no result yet" if journey.rollout.open else "no result", "quiet"))
            continue
        result = Text("passed", "good") if it.passed else Text("failed", "bad")
        took = words.span(it.seconds) if it.seconds is not None else ""
        table.add_row(gate, result, took, it.by, *([] if it.passed or not said else [it.detail]))
    return table


def _migrations(journey: wire.Journey) -> Table:
    table = _table("when", "where", "database", "schema", "log")
    for it in journey.migrations:
        where = it.ecosystem if it.data == MAIN else f"lane {it.data}"
        schema = Text("changed", "warn") if it.changed else Text("unchanged", "quiet")
        table.add_row(words.moment(it.at, journey.at), where, it.database, schema, Text(it.job, "quiet"))
    return table


def _crossings(journey: wire.Journey) -> Table:
    table = _table("when", "where", "wanted", "answered", "instead")
    for it in journey.crossings:
        table.add_row(words.moment(it.at, journey.at), it.ecosystem, it.target, it.answered, it.advice)
    return table


def _breaks(journey: wire.Journey) -> Table:
    table = _table("service", "since", "until", "detail")
    for it in journey.breaks:
        end = words.moment(it.until, journey.at) if it.until else "now"
        start = words.moment(it.since, journey.at) if it.since else "just now"
        table.add_row(it.service, start, end, it.detail)
    return table


def _history(journey: wire.Journey) -> Table:
    """Every line of the journal about it, oldest first."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="quiet", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="quiet", no_wrap=True)
    for it in journey.history:
        who = "" if it.who == "twinstage" else it.who
        what = it.after if it.what == "rollout" and it.after else it.what
        table.add_row(words.moment(it.at, journey.at), what, it.why, who)
    return table
