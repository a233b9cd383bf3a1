"""``twinstage boundary suggest``: what was recorded, as lines for ``twinstage.yaml``."""

import sys

from rich.markup import escape
from rich.table import Table

from twinstage import wire
from twinstage.cli import screen, words
from twinstage.cli.screen import as_json, output
from twinstage.cli.visible import visible
from twinstage.client import Client


def suggest(client: Client, service: str, json: bool) -> None:
    """The lines alone go to standard output: they can be put into a file as they are."""
    found = client.suggestions(service)
    if json:
        as_json(found)
        return
    if found.text:
        sys.stdout.write(visible(found.text))
    console = screen.errors()
    if found.text:
        console.print(
            f"[quiet]in {escape(found.service)}'s twinstage.yaml each key goes in place of the one that stands there, or is "
            "added; declare only what it is to call[/]"
        )
    elif found.rest:
        console.print("nothing that was recorded can be declared")
    else:
        output().print(f"nothing was recorded of {escape(found.service)}: it tried nothing that it does not declare")
    if found.rest:
        console.print(f"{words.count(len(found.rest), 'place')} that no line would let through:")
        screen.show(console, _rest(found))


def _rest(found: wire.Suggestions) -> Table:
    table = Table(box=None, pad_edge=False, header_style="quiet")
    for title in ("wanted", "times", "by", "why not"):
        table.add_column(title, overflow="fold")
    for it in found.rest:
        by = ", ".join(dict.fromkeys(f"{a.release or '?'} in {a.ecosystem}" for a in it.asked))
        table.add_row(it.target, f"{sum(a.count for a in it.asked):,}", by, it.why)
    return table
