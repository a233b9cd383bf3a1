"""``twinstage remove``"""

import time
from typing import Annotated

import typer
from rich.markup import escape

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.following import EVERY
from twinstage.cli.orders import NoWait, Why, answered
from twinstage.cli.screen import output


def remove(
    service: Annotated[str, typer.Argument(help="The service to take out of the company.", show_default=False)],
    why: Why,
    ecosystem: Named = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Take a service out of the company: its routes go, then its instances, in both ecosystems.

    Refused while another service depends on it, or one of its rollouts is under way. Its ports stay its own.
    """
    with reach(ecosystem) as client:
        answered(client, client.remove(service, by=whoami(), why=why), json)
        if no_wait or json:
            return
        while service in client.status().leaving:
            time.sleep(EVERY)
        output().print(f"nothing of {escape(service)} runs any more")
