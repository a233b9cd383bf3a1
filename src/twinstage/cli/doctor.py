"""``twinstage doctor``"""

from datetime import UTC, datetime

from rich.markup import escape

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.company import Json, Named, choose, reach
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import as_json, output
from twinstage.client import ClientTrouble
from twinstage.runtime.local import host


def doctor(ecosystem: Named = None, json: Json = False) -> None:
    """Name whatever has no owner, no deadline or no reason, and say what to do about each.

    Exit status 0 when nothing is found, 3 when something is.
    """
    name = choose(ecosystem)
    found = _examined(name)
    if json:
        as_json(found)
    else:
        _show(name, found)
    if found.findings:
        raise Stop(Exit.WAITING)


def _examined(name: str) -> wire.Examination:
    """The controller's findings and those that only its owner can have: of the core, and of the machine."""
    try:
        with reach(name, patience=3.0) as client:
            told = client.doctor()
    except ClientTrouble as trouble:
        told = wire.Examination(at=datetime.now(UTC), services=0, lanes=0, findings=[_silent(trouble)])
    own = [wire.Finding(about=f.about, what=f.what, advice=f.advice, since=f.since) for f in host.troubles(name)]
    return told.model_copy(update={"findings": [*own, *told.findings]})


def _silent(trouble: ClientTrouble) -> wire.Finding:
    advice = "`twinstage up` starts it again; controller.log of the core says why it went"
    return wire.Finding(about="the controller", what=str(trouble), advice=advice)


def _show(name: str, found: wire.Examination) -> None:
    console = output()
    for it in found.findings:
        since = f" [quiet]({words.ago(it.since, found.at)})[/]" if it.since else ""
        console.print(f"[bad]✘[/] [name]{escape(it.about)}[/]: {escape(it.what)}{since}", soft_wrap=True)
        console.print(f"    [busy]→[/] {escape(it.advice)}", soft_wrap=True)
    if found.findings:
        console.print(f"{words.count(len(found.findings), 'finding')}")
    else:
        console.print(f"[good]✔[/] {escape(name)}: everything has an owner, a deadline and a reason")
