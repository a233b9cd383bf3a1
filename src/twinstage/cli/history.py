"""``twinstage history``"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.company import Json, Named, reach
from twinstage.cli.progress import MARKS
from twinstage.cli.screen import Text, as_json, output, show

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="At most so many, newest first.")]


def history(
    service: Annotated[str | None, typer.Argument(help="Only of this service.", show_default=False)] = None,
    limit: Limit = 20,
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Show what was released when and by whom, how it ended and why, and how long each phase took.

    Below that: who ran what in an instance (`exec`). With `--json` it is the releases alone.
    """
    with reach(ecosystem) as client:
        found = client.history(service=service, limit=limit)
        visits = [] if json else client.journal(service=service, what="visit", newest=True, limit=limit)
    if json:
        as_json(found)
        return
    console = output()
    if not found:
        console.print(f"{escape(service)} was never submitted" if service else "nothing was ever submitted")
        return
    now = datetime.now(UTC)
    show(console, draw(found, now))
    if len(found) == limit:
        console.print(
            f"[quiet]the last {words.count(limit, 'release') if limit > 1 else 'release'}; --limit shows more[/]"
        )
    if visits:
        console.print("inside instances:")
        show(console, inside(visits, now))


def inside(visits: Sequence[wire.JournalEntry], now: datetime) -> Table:
    """Who ran what there, and how it ended; the latest first."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for it in reversed(visits):
        table.add_row(Text(words.moment(it.at, now), "quiet"), Text(it.who), Text(it.why))
    return table


def draw(found: Sequence[wire.Passage], now: datetime) -> Table:
    """A few lines a release: how it ended, what it was, how long each phase took, why."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for it in found:
        rollout = it.rollout
        lines = [_ended(it, now), _what(rollout), _phases(it, now), Text(it.why, "quiet"), _schema(it)]
        identifier = Text(words.short(rollout.release or rollout.commit), "id")
        text = Text("\n").join(line for line in lines if line.plain)
        table.add_row(Text(*_mark(rollout)), Text(rollout.service, "name"), identifier, text)
    return table


def _mark(it: wire.Rollout) -> tuple[str, str]:
    if it.open:
        return MARKS["now"]
    return {"live": MARKS["done"], "failed": MARKS["failed"]}.get(it.state, MARKS["skipped"])


def _ended(it: wire.Passage, now: datetime) -> Text:
    """``live  12:03:21, 3 m ago, after 1 m 41 s``"""
    rollout = it.rollout
    where = "" if rollout.open or rollout.state == "live" else f" in {rollout.phase.value}"
    text = Text(
        f"{rollout.state}{where}", _mark(rollout)[1] if rollout.open or rollout.state != "superseded" else "quiet"
    )
    if rollout.kind == "rollback":
        text.append(" by a rollback" if rollout.state == "live" else ", a rollback", "warn")
    when = it.ended or rollout.submitted
    verb = "" if it.ended else "submitted "
    text.append(f"  {verb}{words.moment(when, now)}, {words.ago(when, now)}")
    if it.ended is not None:
        text.append(f", after {words.span(it.seconds)}")
    return text


def _what(it: wire.Rollout) -> Text:
    """``9f3a1c2 Retry a payment once, by ada@build7``"""
    if it.release is None and not it.subject:
        return Text(f"by {it.by}", "quiet")  # its commit stands before it already
    subject = f" {it.subject}" if it.subject else ""
    return Text.assemble((words.short(it.commit), "id"), subject, (f", by {it.by}", "quiet"))


def _schema(it: wire.Passage) -> Text:
    names = " and ".join(it.schema_changed)
    return Text(f"changed the schema of {names} in production", "warn") if names else Text()


def _phases(it: wire.Passage, now: datetime) -> Text:
    """``development 11 s · staging skipped · canary 24 s``: as far as it came. What it never had a part in is left out."""
    asked = {skip.phase for skip in it.rollout.skipped}
    parts: list[Text] = []
    for step in it.steps:
        if step.state == "skipped" and step.phase in asked:
            parts.append(Text(f"{step.phase.value} skipped", "warn"))
        elif step.state not in ("ahead", "skipped") and step.since is not None:
            took = words.span(((step.until or now) - step.since).total_seconds())
            style = {"failed": "bad", "now": "busy"}.get(step.state, "quiet")
            parts.append(Text(f"{step.phase.value} {took}", style))
    return Text(" · ", "quiet").join(parts)
