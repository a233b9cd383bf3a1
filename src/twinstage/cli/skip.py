"""``twinstage skip``"""

from enum import StrEnum
from typing import Annotated

import typer

from twinstage.cli.company import Json, Named, reach, whoami
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.following import follow
from twinstage.cli.orders import NoWait, Why, answered
from twinstage.cli.subjects import rollout_of
from twinstage.model.names import Phase


class Skippable(StrEnum):
    """The phases of the table's SKIP arrows: production is what a skip leads to."""

    DEVELOPMENT = Phase.DEVELOPMENT.value
    STAGING = Phase.STAGING.value
    CANARY = Phase.CANARY.value


def skip(
    rollout: Annotated[
        str,
        typer.Argument(
            metavar="ROLLOUT|SERVICE", help="A rollout, or the service whose open rollout it is.", show_default=False
        ),
    ],
    phases: Annotated[
        list[Skippable],
        typer.Argument(metavar="PHASE...", help="development (its gates), staging, canary.", show_default=False),
    ],
    why: Why,
    ecosystem: Named = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Leave phases out, in an emergency: now or once the release gets there. Who and why stays with it for ever.

    It is built all the same, and goes to production in its steps.
    """
    with reach(ecosystem) as client:
        found = rollout_of(client, rollout)
        if found is None:
            raise Stop(Exit.WAITING, f"nothing to skip: {rollout} has no rollout under way")
        answered(client, client.skip(found.id, [Phase(phase) for phase in phases], by=whoami(), why=why), json)
        if not no_wait and not json:
            follow(client, [found.id])
