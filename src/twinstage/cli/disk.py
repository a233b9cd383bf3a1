"""``twinstage disk``"""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.company import Json, Named, reach
from twinstage.cli.screen import Text, as_json, output, show
from twinstage.cli.stacked import Row, drawn


def disk(
    every: Annotated[bool, typer.Option("--all", help="Each thing by its name.", show_default=False)] = False,
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Show what the company holds on this disk, by kind and service, and why it stays."""
    with reach(ecosystem) as client:
        found = client.disk()
    if json:
        as_json(found)
        return
    console = output()
    if every:
        show(console, things(found.held, console.width))
    else:
        show(console, kinds(found.held))
    console.print(f"{words.size(found.bytes)} in all; {collectable(found)}")


def collectable(found: wire.Disk) -> str:
    if found.collecting:
        return "a collection is under way"
    if not any(held.goes for held in found.held):
        return "nothing of it can go"
    return f"{words.size(found.collectable)} can go: within the hour by itself, or now by `twinstage prune`"


def kinds(held: Sequence[wire.Held]) -> Table:
    table = _table("kind", "service", "things", "size", "can go", "why the rest stays")
    groups: dict[tuple[str, str], list[wire.Held]] = {}
    for item in held:
        groups.setdefault((item.kind, item.service or ""), []).append(item)
    for (kind, service), items in sorted(groups.items(), key=lambda group: (group[0][0], -_bytes(group[1]))):
        goes = [item for item in items if item.goes]
        size, going = words.size(_bytes(items)), words.size(_bytes(goes)) if goes else ""
        table.add_row(kind, service, f"{len(items):,}", size, going, _why(items))
    return table


def things(held: Iterable[wire.Held], width: int) -> RenderableType:
    rows = [
        Row(
            name=item.name,
            cells=[
                Text(item.kind),
                Text(item.service or ""),
                Text(words.size(item.bytes)),
                Text("goes", "warn") if item.goes else Text("stays"),
            ],
            words=item.why,
        )
        for item in sorted(held, key=lambda item: (item.kind, -item.bytes))
    ]
    return drawn(rows, ("kind", "service", "size", ""), width, name="name", words="why", right=("size",))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="quiet")
    for heading in headings:
        table.add_column(
            heading, overflow="fold", justify="right" if heading in ("things", "size", "can go") else "left"
        )
    return table


def _bytes(items: Iterable[wire.Held]) -> int:
    return sum(item.bytes for item in items)


def _why(items: Iterable[wire.Held]) -> str:
    """The reasons, the most frequent first."""
    reasons = [item.why for item in items if not item.goes]
    distinct = sorted(set(reasons), key=lambda why: (-reasons.count(why), why))
    more = f"; and {len(distinct) - 2} more" if len(distinct) > 2 else ""
    return "; ".join(distinct[:2]) + more
