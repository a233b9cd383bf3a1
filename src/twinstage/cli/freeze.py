"""``twinstage freeze``"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.orders import Why, answered
from twinstage.cli.times import moment

Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        "-u",
        metavar="TIME|DURATION",
        help="When it ends by itself: 2h, 18:00, 2026-03-01T18:00. Default: in 24 hours.",
        show_default=False,
    ),
]


def freeze(
    why: Why,
    service: Annotated[
        str | None, typer.Argument(help="The service to freeze. Default: every one.", show_default=False)
    ] = None,
    until: Until = None,
    ecosystem: Named = None,
    json: Json = False,
) -> None:
    """Hold releases back from production: none takes its turn, gets a larger share or is promoted.

    They still travel as far as they can, and what leads out of production goes on: retreats, `abort`, `rollback`.
    """
    end = moment(until, datetime.now(UTC).astimezone()) if until is not None else None
    with reach(ecosystem) as client:
        answered(client, client.freeze(service, by=whoami(), why=why, until=end), json)
