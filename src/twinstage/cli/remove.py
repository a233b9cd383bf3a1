"""``twinstage remove``"""

from typing import Annotated

import typer

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.orders import Why, answered


def remove(
    service: Annotated[str, typer.Argument(help="The service to take out.", show_default=False)],
    why: Why,
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Take a service out of the company: its routes go, then its instances, in both ecosystems.

    Refused while others depend on it, or a release of it is on its way.
    """
    with reach(ecosystem) as client:
        answered(client, client.remove(service, by=whoami(), why=why), json)
