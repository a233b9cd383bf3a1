"""Names beyond the company in one ecosystem: their addresses, who reaches them, and the doors by which the core carries them."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from twinstage.model.finding import Finding
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.workload import Workload
from twinstage.runtime.local.envoy import passing
from twinstage.runtime.local.envoy.discovery import Resource
from twinstage.runtime.local.layout import OUTSIDE, SOCKETS, Layout
from twinstage.runtime.local.ledger import Ledger
from twinstage.runtime.local.network import addresses

_PREFIX = "outside."
_IDLE = "3600s"


@dataclass(frozen=True, kw_only=True, order=True)
class There:
    """One host and port, and who answers there instead, if anybody does."""

    host: str
    port: int
    stub: ServiceName | None = None

    @property
    def key(self) -> str:
        """One address for all ports of a host, and another where a service stands in for it."""
        return self.host if self.stub is None else f"{self.host} {self.stub}"

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def door(self) -> str:
        """The name of its Unix socket: a socket's path is short, a host's name need not be."""
        return hashlib.sha256(self.place.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The listener's, the cluster's and the callers'. No workload's name has two parts."""
        return f"{_PREFIX}{self.door}"


def reached(workload: Workload) -> tuple[There, ...]:
    """Everything beyond the company that exists for it, sorted."""
    found = []
    for name, place in workload.outside.items():
        host, _, port = place.rpartition(":")
        found.append(There(host=host, port=int(port), stub=workload.stubs.get(name)))
    return tuple(sorted(found, key=lambda it: (it.host, it.port)))


class Outside:
    """Of one place; the workshop has none."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def number(self) -> None:
        """Give every name an address that some workload here declares, and take it from those that none does."""
        self._ledger.keep_outside({there.key for r in self._ledger.workloads.values() for there in reached(r.workload)})

    def wire(self, workload: Workload) -> list[Mapping[str, object]]:
        """What the sentinel is told of an instance's."""
        return [
            {"host": it.host, "port": it.port, "address": self._address(it), "stub": it.stub}
            for it in reached(workload)
        ]

    def _address(self, there: There) -> str:
        return addresses.outside(self._ledger.outside[there.key])

    def _carried(self) -> dict[There, tuple[str, ...]]:
        """What leaves the machine, with the ranges of those that declare it. A stub's callers go to its frontend."""
        found: dict[There, list[str]] = {}
        for record in self._ledger.workloads.values():
            for there in reached(record.workload):
                if there.stub is None:
                    found.setdefault(there, []).append(addresses.span(record.slot))
        return {there: tuple(sorted(spans)) for there, spans in found.items()}

    def listeners(self) -> list[Resource]:
        return [passing.listener(it.name, self._address(it), it.port, idle=_IDLE) for it in self._carried()]

    def clusters(self) -> list[Resource]:
        pipe = "{SOCKETS}/outside/{door}.sock"
        return [
            passing.cluster(it.name, {"pipe": {"path": pipe.format(SOCKETS=SOCKETS, door=it.door)}})
            for it in self._carried()
        ]

    def callers(self) -> Mapping[str, Mapping[str, object]]:
        """Name -> the file of who may come."""
        return {there.name: passing.callers(there.name, spans) for there, spans in self._carried().items()}

    def doors(self) -> Mapping[str, str]:
        """What the core is told: door -> ``host:port``."""
        return {there.door: there.place for there in self._carried()}


def troubles(layout: Layout) -> Iterator[Finding]:
    """Names whose last connection could not be carried. The file is the carrier's own; none: it has not run yet."""
    path = layout.outside / "log" / "state.json"
    try:
        told = json.loads(path.read_text())
    except FileNotFoundError:
        return
    for ecosystem in Ecosystem:
        for place, words in sorted(told.get(ecosystem, {}).items()):
            yield Finding(
                about=f"the outside name {place} in {ecosystem}",
                what=f"was not reached when it was last called: {words['trouble']}",
                advice=f"it is tried anew with each call; see {OUTSIDE}.log of the core",
            )
