"""``twinstage boundary``"""

from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from twinstage import wire
from twinstage.cli import screen, words
from twinstage.cli.company import Json, Named, choose, reach
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import as_json, output
from twinstage.runtime.local import host
from twinstage.runtime.local.places import companies


def boundary(ecosystem: Named = None, json: Json = False) -> None:
    """Show what separates the ecosystems here, what is lacking, and who tried to pass.

    Where no company is up: whether this machine could seal one.
    """
    if not ecosystem and not companies():
        _of_the_machine()
        return
    with reach(choose(ecosystem)) as client:
        found = client.boundary()
    if json:
        as_json(found)
        return
    show(found)


def show(found: wire.Boundary) -> None:
    console = output()
    console.print("boundary: [good]enforced[/]" if found.enforced else "boundary: [bad]NOT enforced[/]")
    for mean in found.means:
        console.print(f"  [good]✔[/] {escape(mean)}")
    for lack in found.lacking:
        console.print(f"  [warn]![/] {escape(lack)}")
    if not found.attributes:
        console.print("  [warn]![/] attempts are refused, but not attributed to the release that made them")
    if not found.crossings:
        console.print("nobody tried to pass it")
        return
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, header_style="quiet")
    for title in ("when", "times", "where", "who", "wanted", "was answered", "instead"):
        table.add_column(title, overflow="fold")
    for crossing in found.crossings:
        cells = (crossing.ecosystem, crossing.source, crossing.target, crossing.answered, crossing.advice)
        table.add_row(words.ago(crossing.at, now), f"{crossing.count:,}", *(escape(cell) for cell in cells))
    console.print(f"the last {words.count(len(found.crossings), 'place')} that somebody tried to reach beyond it:")
    screen.show(console, table)


def _of_the_machine() -> None:
    lacking = host.lacking()
    if lacking:
        raise Stop(Exit.TROUBLE, "this machine cannot seal a company yet", detail="\n".join(f"! {x}" for x in lacking))
    output().print("[good]✔[/] this machine can seal a company; none is up")
