"""``twinstage boundary prove``: every known way out is tried in each ecosystem, and what came back is shown."""

import time
from collections.abc import Sequence
from datetime import datetime

from rich.table import Table

from twinstage import wire
from twinstage.cli import screen, words
from twinstage.cli.company import whoami
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.following import EVERY
from twinstage.cli.orders import answered
from twinstage.cli.screen import Text, as_json, output
from twinstage.client import Client
from twinstage.jobs.probe import LIMIT, Trial, trials

_LONGER = 60.0
"""Seconds beyond the probe's own limit until it must have been seen to end."""
_DONE = "succeeded"


def prove(client: Client, why: str, json: bool) -> None:
    """Returns when everything was stopped everywhere. Raises Stop otherwise: what passed, or what could not be tried."""
    asked = client.prove(by=whoami(), why=why)
    if not json:
        answered(client, asked, json)
    probes = _ended(client, client.answered(asked).at)
    if json:
        as_json(probes)
    else:
        for probe in probes:
            _show(probe, found(client, probe) if probe.result == _DONE else ())
    passed = sum(len(probe.passed) for probe in probes)
    if unknown := [probe for probe in probes if probe.result != _DONE]:
        detail = "; ".join(f"{p.ecosystem}: the probe is {p.result}: {p.detail}" for p in unknown)
        raise Stop(Exit.TROUBLE, "" if json else "cannot tell whether the boundary holds", detail=detail)
    if passed:
        what = f"the boundary was passed in {words.count(passed, 'way')}"
        raise Stop(
            Exit.FAILED, "" if json else what, hint="what let it through is named above; ship nothing until it is shut"
        )


def _ended(client: Client, asked: datetime) -> list[wire.Probe]:
    """The probes of both ecosystems that ended since they were asked for."""
    end = time.monotonic() + LIMIT.total_seconds() + _LONGER
    while time.monotonic() < end:
        found = client.boundary().probes
        if len(found) == 2 and all(not p.under_way and p.at is not None and p.at >= asked for p in found):
            return found
        time.sleep(EVERY)
    raise Stop(
        Exit.TROUBLE,
        "cannot tell yet whether the boundary holds: the probes have not ended",
        hint="see `twinstage boundary`",
    )


def proved(client: Client, why: str) -> list[wire.Probe]:
    """Asked for and waited for. Raises Stop where they do not end."""
    return _ended(client, client.answered(client.prove(by=whoami(), why=why)).at)


def found(client: Client, probe: wire.Probe) -> Sequence[Trial]:
    """Each way that was tried, as its log tells."""
    return trials(b"".join(client.log(probe.job)).decode(errors="replace"))


def _show(probe: wire.Probe, ways: Sequence[Trial]) -> None:
    """What passed stands first: it is what somebody must look at."""
    console = output()
    console.print(f"[name]{probe.ecosystem}[/]: {told(probe)}")
    table = Table(box=None, pad_edge=False, header_style="quiet")
    for title in ("", "way", "tried", "came back"):
        table.add_column(title, overflow="fold", no_wrap=not title)
    for it in sorted(ways, key=lambda trial: trial.stopped):
        mark = Text("stopped", "good") if it.stopped else Text("PASSED", "bad")
        table.add_row(mark, it.name, it.what, it.answer)
    screen.show(console, table)


def told(probe: wire.Probe) -> str:
    """``96 ways tried, 96 stopped``, with colours."""
    if probe.result is None:
        return "being tried for the first time"
    if probe.result != _DONE:
        return f"[warn]not known: the probe is {probe.result}[/]"
    style = "bad" if probe.passed else "good"
    return f"{words.count(probe.tried, 'way')} tried, [{style}]{probe.stopped} stopped[/]"
