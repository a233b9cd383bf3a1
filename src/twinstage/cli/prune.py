"""``twinstage prune``"""

import time
from typing import Annotated

import typer

from twinstage.cli import words
from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.disk import things
from twinstage.cli.following import EVERY
from twinstage.cli.orders import NoWait, answered
from twinstage.cli.screen import as_json, output, show
from twinstage.client import Client


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.", show_default=False)] = False,
    why: Annotated[str, typer.Option("--why", "-m", help="The reason, for the journal.")] = "room on the disk",
    ecosystem: Named = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Collect what nobody needs, now: it is done once an hour in any case.

    Never what runs or could be rolled back to, what a rollout under way has, the evidence of what is live, or the journal.
    """
    with reach(ecosystem) as client:
        if dry_run:
            _show(client, json)
            return
        answered(client, client.prune(by=whoami(), why=why), json)
        if not no_wait and not json:
            _wait(client)


def _show(client: Client, json: bool) -> None:
    found = client.disk()
    going = [held for held in found.held if held.goes]
    if json:
        as_json(going)
        return
    console = output()
    if going:
        show(console, things(going, console.width))
    console.print(f"{words.count(len(going), 'thing')} would go: {words.size(found.collectable)}")


def _wait(client: Client) -> None:
    while (found := client.disk()).collecting:
        time.sleep(EVERY)
    output().print(f"{words.size(found.bytes)} are held now; `twinstage disk` says what and why")
