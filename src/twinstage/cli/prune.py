"""``twinstage prune``"""

from typing import Annotated

import typer

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.orders import answered


def prune(
    why: Annotated[str, typer.Option("--why", "-m", help="The reason, for the journal.")] = "asked for",
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Collect now what nobody needs: old artifacts, exports, logs. The controller does it by itself once an hour.

    Never what runs, what could be rolled back to, or what a release on its way needs.
    """
    with reach(ecosystem) as client:
        answered(client, client.prune(by=whoami(), why=why), json)
