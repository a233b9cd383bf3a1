"""What ``rollback``, ``resume`` and ``abort`` share: an intent, its answer, and then the rollout it brought forth."""

from typing import Annotated

import typer
from rich.markup import escape

from twinstage import wire
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import as_json, output
from twinstage.client import Client

Why = Annotated[
    str, typer.Option("--why", "-m", help="The reason: it is kept in the journal, and shown.", show_default=False)
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return when it is under way.", show_default=False)]


def answered(client: Client, asked: wire.Intent, json: bool) -> wire.Intent:
    """The intent with its answer, printed. Raises Stop when it is refused."""
    intent = client.answered(asked)
    if json:
        as_json(intent)
    if not intent.accepted:
        raise Stop(Exit.WAITING, "" if json else intent.answer)
    if not json:
        output().print(escape(intent.answer))
    return intent
