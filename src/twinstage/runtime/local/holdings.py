"""What the places hold on their disks, as their sweepers measured it, and letting go of it through them."""

import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from twinstage.model.holding import Holding, HoldingKind
from twinstage.model.names import Place, ServiceName
from twinstage.runtime.local.naming import program_of_job
from twinstage.runtime.local.network.wires import Sentinel
from twinstage.runtime.local.place import STATIC, PlaceDesk
from twinstage.runtime.local.postgres.server import PROGRAM as DATABASE
from twinstage.runtime.local.projection import programs
from twinstage.runtime.runtime import Unavailable

_PATIENCE = 0.8
"""Seconds in which a discard is begun, or not at all: afterwards the controller no longer counts on it."""
_A_TIME = 200
"""Names in one request."""


class Sweeper(Sentinel):
    """A place's sweeper: asked as the sentinel is, one line each way."""

    what = "sweeper"

    def measure(self) -> None:
        self._done(self.ask(op="measure"))

    def discard(self, kind: HoldingKind, names: list[str]) -> Mapping[str, str]:
        """What stays, and why."""
        by = time.monotonic() + _PATIENCE
        told = self._done(self.ask(op="discard", kind=kind.value, names=names, by=by))
        return {str(name): str(why) for name, why in told.get("kept", {}).items()}

    def _done(self, told: dict[str, Any]) -> dict[str, Any]:
        if not told.get("ok"):
            raise Unavailable(f"the sweeper at {self._path} cannot: {told.get('error')}")
        return told


def held(desk: PlaceDesk, sweeper: Sweeper) -> tuple[Holding, ...]:
    """Of one place. Raises Unavailable where nobody has measured yet."""
    sweeper.measure()
    try:
        told = json.loads((desk.kept / "holdings.json").read_text())
    except FileNotFoundError:
        raise Unavailable(f"{desk.place} has not been measured yet; it will be in a moment") from None
    last = max((i["name"] for i in told["items"] if i["kind"] == HoldingKind.CROSSINGS), key=_begins, default="")
    return tuple(_holding(desk, item, last) for item in told["items"])


def discard(sweeper: Sweeper, holdings: Iterable[Holding]) -> Mapping[str, str]:
    """What stays and why; raises Unavailable."""
    kept: dict[str, str] = {}
    by_kind: dict[HoldingKind, list[str]] = {}
    for holding in holdings:
        by_kind.setdefault(holding.kind, []).append(holding.name)
    for kind, names in by_kind.items():
        for begin in range(0, len(names), _A_TIME):
            kept |= sweeper.discard(kind, names[begin : begin + _A_TIME])
    return kept


def _holding(desk: PlaceDesk, item: Mapping[str, str | int], last: str) -> Holding:
    kind, name = HoldingKind(str(item["kind"])), str(item["name"])
    return Holding(
        kind=kind,
        name=name,
        place=desk.place,
        service=_service(kind, name),
        bytes=int(item["bytes"]),
        at=datetime.fromisoformat(str(item["at"])),
        needed=_needed(desk, kind, name, last),
    )


def _needed(desk: PlaceDesk, kind: HoldingKind, name: str, last: str) -> str:
    """What this place is in the middle of."""
    match kind:
        case HoldingKind.JOB:
            return "the job is not over" if name in desk.ledger.jobs else ""
        case HoldingKind.LOG:
            return "its program runs" if name in running(desk) else ""
        case HoldingKind.ACCESS:
            return "it is being written" if name == "access.jsonl" else ""
        case HoldingKind.CROSSINGS:
            return "it is being written" if name == last else ""
        case _:
            return ""


def running(desk: PlaceDesk) -> set[str]:
    """Programs that the place has, or is just losing. Copies first: asked by other threads than the controller's, too."""
    instances = {program for record in list(desk.ledger.workloads.values()) for program in programs(record)}
    server = {DATABASE} if desk.ledger.database else set()
    return instances | {program_of_job(job) for job in list(desk.ledger.jobs)} | STATIC | server


def _service(kind: HoldingKind, name: str) -> ServiceName | None:
    if kind is HoldingKind.CACHE:
        return ServiceName(name)
    if kind is HoldingKind.DATABASE and "." in name and not name.startswith("new."):
        return ServiceName(name.partition(".")[0])  # orders.orders.0a1b2c3d
    if kind is HoldingKind.LOG and name not in (*STATIC, DATABASE) and not name.startswith("job."):
        return ServiceName(name.partition(".")[0])  # orders.web.r_7f3a12bc9d01.1.main.0
    return None


def _begins(name: str) -> int:
    middle = name.split(".")[1]
    return int(middle) if middle.isdecimal() else 0


def places(sweepers: Mapping[Place, Sweeper], holdings: Iterable[Holding]) -> Mapping[Place, list[Holding]]:
    """Each place's own; what belongs to none is left out."""
    found: dict[Place, list[Holding]] = {}
    for holding in holdings:
        if holding.place is not None and holding.place in sweepers:
            found.setdefault(holding.place, []).append(holding)
    return found
