"""Watches rollouts until they are over: drawn live in a terminal, a line a change anywhere else."""

import time
from collections.abc import Callable, Sequence

from rich.console import Group
from rich.live import Live

from twinstage import wire
from twinstage.cli import progress, summary
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import as_json, lively, output
from twinstage.client import Client

EVERY = 0.4
"""Seconds between two looks: soon enough for eyes."""
NEEDS_A_PERSON = frozenset({"PINNED", "INCONCLUSIVE", "FROZEN"})
"""Nothing moves on from these by itself, or not for hours, so waiting any longer is of no use."""

Show = Callable[[Sequence[wire.Journey]], None]


def follow(
    client: Client, rollouts: Sequence[str], *, json: bool = False, alone: bool = True, wanted: str = "live"
) -> None:
    """Returns when all ended as ``wanted``. Raises Stop with the status for the shell otherwise."""
    try:
        if json:
            ended = _until_over(client, rollouts, lambda _: None)
        elif lively(output()):
            ended = _live(client, rollouts, alone)
        else:
            ended = _until_over(client, rollouts, progress.Lines(output()).show)
    except KeyboardInterrupt:
        each = "it goes on" if len(rollouts) == 1 else "they go on"
        raise Stop(Exit.INTERRUPTED, f"still shipping: {each} without you", hint="see `twinstage watch`") from None
    if json:
        as_json(ended[0] if alone else ended)
    else:
        for journey in ended:
            summary.show(output(), journey, drawn=alone and lively(output()))
    status = max((_status(journey, wanted) for journey in ended), default=Exit.DONE)
    if status:
        raise Stop(status)


def _live(client: Client, rollouts: Sequence[str], alone: bool) -> list[wire.Journey]:
    console = output()
    with Live(console=console, refresh_per_second=8, transient=False) as live:

        def show(journeys: Sequence[wire.Journey]) -> None:
            drawn = [progress.steps(j, console.width) for j in journeys] if alone else [progress.table(journeys)]
            live.update(Group(*drawn))

        return _until_over(client, rollouts, show)


def _until_over(client: Client, rollouts: Sequence[str], show: Show) -> list[wire.Journey]:
    found: dict[str, wire.Journey] = {}
    while True:
        for rollout in rollouts:
            if rollout not in found or found[rollout].rollout.open:
                found[rollout] = client.why(rollout)
        journeys = [found[r] for r in rollouts]
        show(journeys)
        if all(_settled(j) for j in journeys):
            return journeys
        time.sleep(EVERY)


def _settled(journey: wire.Journey) -> bool:
    return not journey.rollout.open or journey.rollout.reason.code in NEEDS_A_PERSON


def _status(journey: wire.Journey, wanted: str) -> Exit:
    if journey.rollout.open:
        return Exit.WAITING
    return Exit.DONE if journey.rollout.state == wanted else Exit.FAILED
