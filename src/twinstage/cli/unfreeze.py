"""``twinstage unfreeze``"""

from typing import Annotated

import typer

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.orders import answered


def unfreeze(
    service: Annotated[
        str | None, typer.Argument(help="The frozen service. Default: the freeze of every one.", show_default=False)
    ] = None,
    why: Annotated[str, typer.Option("--why", "-m", help="The reason, for the journal.")] = "unfrozen",
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """End a freeze before it ends by itself: releases move on in production again."""
    with reach(ecosystem) as client:
        answered(client, client.unfreeze(service, by=whoami(), why=why), json)
