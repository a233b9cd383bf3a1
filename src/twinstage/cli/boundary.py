"""``twinstage boundary``"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from twinstage import wire
from twinstage.cli import screen, words
from twinstage.cli.company import Json, Named, choose, reach
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.proving import prove, told
from twinstage.cli.screen import Text, as_json, output
from twinstage.cli.suggesting import suggest
from twinstage.runtime.local import host
from twinstage.runtime.local.places import companies

_GOOD, _LOOK = Text("✔", "good"), Text("!", "warn")


class Action(StrEnum):
    PROVE = "prove"
    SUGGEST = "suggest"


def boundary(
    action: Annotated[
        Action | None,
        typer.Argument(
            metavar="prove|suggest", help="Try every known way across it; or say what to declare.", show_default=False
        ),
    ] = None,
    service: Annotated[
        str | None, typer.Argument(help="Whose attempts `suggest` is about.", show_default=False)
    ] = None,
    why: Annotated[str, typer.Option("--why", "-m", help="The reason, for the journal.")] = "to be sure of it",
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Show what separates the ecosystems here, what is lacking, and who tried to pass.

    `prove` tries every known way out of a sandbox of each ecosystem, as it is done once an hour in any case, and shows what
    came back. Anything that passes is exit status 1.

    `suggest` turns what a service tried to reach into the lines of twinstage.yaml that would let it through.

    Where no company is up: whether this machine could seal one.
    """
    if (action is Action.SUGGEST) != (service is not None):
        what = "name the service" if service is None else f"{service} is one name too many"
        raise Stop(Exit.USAGE, f"cannot do that: {what}", hint="`twinstage boundary suggest SERVICE`")
    if action is None and not ecosystem and not companies():
        _of_the_machine()
        return
    with reach(choose(ecosystem)) as client:
        if action is Action.PROVE:
            prove(client, why, json)
            return
        if service is not None:
            suggest(client, service, json)
            return
        found = client.boundary()
    if json:
        as_json(found)
        return
    show(found)


def show(found: wire.Boundary) -> None:
    console = output()
    console.print("boundary: [good]enforced[/]" if found.enforced else "boundary: [bad]NOT enforced[/]")
    screen.show(console, Padding(_walls(found), (0, 0, 0, 2)))
    if found.lacks:
        console.print("this machine does not give:")
        screen.show(console, Padding(_lacks(found.lacks), (0, 0, 0, 2)))
    for it in found.shared:
        console.print(f"[warn]![/] both ecosystems call {escape(it.host)} ({escape(it.service)}): {escape(it.why)}")
    now = datetime.now(UTC)
    for probe in found.probes:
        when = f" {words.ago(probe.at, now)}" if probe.at else ""
        more = f": [bad]{escape(', '.join(probe.passed))}[/]" if probe.passed else ""
        console.print(f"tried in {probe.ecosystem}{when}: {told(probe)}{more}")
    if not found.crossings:
        console.print("nobody tried to pass it")
        return
    table = Table(box=None, pad_edge=False, header_style="quiet")
    for title in ("when", "times", "where", "who", "wanted", "answered", "instead"):
        # A release is copied from here: it is never broken, whatever else has to be.
        table.add_column(title, overflow="fold", no_wrap=title in ("when", "who"))
    for crossing in found.crossings:
        cells = (crossing.ecosystem, crossing.source, crossing.target, crossing.answered, crossing.advice)
        table.add_row(words.ago(crossing.at, now), f"{crossing.count:,}", *cells)
    console.print(
        f"{words.count(len(found.crossings), 'place')} beyond it {'was' if len(found.crossings) == 1 else 'were'} tried:"
    )
    screen.show(console, table)


def _walls(found: wire.Boundary) -> Table:
    """What it is made of and which limits are in force, one in a line. Those that are not are among what is lacking."""
    walls = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    walls.add_column(no_wrap=True)
    walls.add_column(overflow="fold")
    for wall in found.means:
        walls.add_row(_GOOD, Text(wall))
    for limit in found.limits:
        if limit.in_force:
            walls.add_row(_GOOD, Text(f"limit of {limit.what}: {limit.how}"))
    if not found.attributes:
        walls.add_row(_LOOK, "attempts are refused, but not attributed to the release that made them")
    return walls


def _lacks(lacks: Sequence[wire.Lack]) -> Table:
    """Each with what it means and what it would take below its name: three columns would leave none of them room."""
    drawn = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for lack in lacks:
        drawn.add_row(_LOOK, Text(lack.name))
        for what, told_of in (("means:", lack.means), ("would take:", lack.takes)):
            below = Table.grid(padding=(0, 1, 0, 0))
            below.add_column(width=len("would take:"), style="quiet")
            below.add_column(overflow="fold")
            below.add_row(what, Text(told_of))
            drawn.add_row("", below)
    return drawn


def _of_the_machine() -> None:
    lacking = host.lacking()
    if lacking:
        raise Stop(Exit.TROUBLE, "this machine cannot seal a company yet", detail="\n".join(f"! {x}" for x in lacking))
    output().print("[good]✔[/] this machine can seal a company; none is up")
