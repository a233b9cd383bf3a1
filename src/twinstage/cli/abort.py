"""``twinstage abort``"""

from typing import Annotated

import typer

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.following import follow
from twinstage.cli.orders import NoWait, Why, answered
from twinstage.cli.subjects import rollout_of


def abort(
    rollout: Annotated[
        str, typer.Argument(help="A rollout, or the service whose open rollout it is.", show_default=False)
    ],
    why: Why,
    ecosystem: Named = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """End a rollout: its traffic goes back at once, its instances and its lane are cleared away."""
    with reach(ecosystem) as client:
        found = rollout_of(client, rollout)
        if found is None:
            raise Stop(Exit.WAITING, f"nothing to abort: {rollout} has no rollout under way")
        answered(client, client.abort(found.id, by=whoami(), why=why), json)
        if not no_wait and not json:
            follow(client, [found.id], wanted="aborted")
