"""``twinstage resume``"""

from typing import Annotated

import typer

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.orders import answered


def resume(
    service: Annotated[str, typer.Argument(help="The pinned service.", show_default=False)],
    why: Annotated[str, typer.Option("--why", "-m", help="The reason, for the journal.")] = "resumed",
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Take away the pin that a rollback left: releases of the service move on again."""
    with reach(ecosystem) as client:
        answered(client, client.resume(service, by=whoami(), why=why), json)
