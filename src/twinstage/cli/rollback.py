"""``twinstage rollback``"""

from typing import Annotated

import typer

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.following import follow
from twinstage.cli.orders import NoWait, Why, answered


def rollback(
    service: Annotated[str, typer.Argument(help="The service to take back.", show_default=False)],
    why: Why,
    force: Annotated[
        bool, typer.Option("--force", help="Also past a change of its databases' schema.", show_default=False)
    ] = False,
    ecosystem: Named = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Take a service back: end its canary, or run the release before the present one again. Pins the service.

    Nothing is promoted over a pin until `twinstage resume`. A release that changed the schema of a database is not gone back
    past unless forced: what its migration did stays.
    """
    with reach(ecosystem) as client:
        intent = answered(client, client.rollback(service, by=whoami(), why=why, force=force), json)
        if intent.rollout and not no_wait and not json:
            follow(client, [intent.rollout])
