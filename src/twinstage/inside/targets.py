"""What a stray call was after, and what its author should write instead. Pure: addresses and names in, words out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from twinstage.inside.wires import EMPTY, RANGE, Ports, Wire

OTHER_ECOSYSTEM, UNDECLARED, OUTSIDE = "other-ecosystem", "undeclared", "outside"
_ECOSYSTEMS = ("production", "staging")
_LOCAL_SUFFIXES = frozenset({"internal", "local", "localdomain", "svc", "cluster", "default", "lan", "home", "corp"})
"""Labels after a service's name that make it no less a neighbour's name: habits from other platforms."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """``kind``: one of the three above. ``target``: ``198.51.100.7:443``, ``dns api.stripe.com``, ``production payments``."""

    kind: str
    target: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class World:
    """The ports and wires that calls are read against."""

    ports: Ports = EMPTY
    callers: Mapping[str, Wire] = field(default_factory=dict)
    """Address -> wire."""

    def connection(self, caller: Wire, address: str, port: int) -> Target:
        """A TCP connection that the guard did not let through to ``address``:``port``."""
        place = f"{address}:{port}"
        ours = IPv4Address(address) in RANGE
        owner = self._owner(port) if ours else None
        if owner is not None and owner[0] != self.ports.ecosystem:
            return self._across(caller, owner[0], owner[1] or f"port {port}")
        if owner is not None and owner[1]:
            return self._neighbour(caller, owner[1], owner[1])
        if ours and address != self.ports.gateway and address in self.callers:
            return self._neighbour(caller, self.callers[address].service, place)
        if ours:
            advice = "nothing is to be had there: call a service by the URL that depends_on gives"
            return Target(kind=UNDECLARED, target=place, advice=advice)
        return Target(kind=OUTSIDE, target=place, advice="declare it under `outside`")

    def name(self, caller: Wire, name: str) -> Target:
        """A name that has no address here. ``name`` is in lower case, without the final dot."""
        labels = name.split(".")
        words = {word for label in labels for word in (label, *label.split("-"))}
        service = next((label for label in (*labels, *sorted(words)) if label in self.ports.services), None)
        for ecosystem in _ECOSYSTEMS:
            bare = len(labels) <= 2 or labels[-1] == ecosystem
            if ecosystem != self.ports.ecosystem and ecosystem in words and (service or (bare and ecosystem in labels)):
                return self._across(caller, ecosystem, service or name)
        local = _LOCAL_SUFFIXES | {self.ports.ecosystem}
        if labels[0] in self.ports.services and set(labels[1:]) <= local:
            return self._neighbour(caller, labels[0], f"dns {name}")
        return Target(kind=OUTSIDE, target=f"dns {name}", advice="declare it under `outside`")

    def _owner(self, port: int) -> tuple[str, str] | None:
        """(ecosystem, service) that the port was allocated to; the service is empty where only the range is known."""
        for service, sides in self.ports.services.items():
            for ecosystem, doors in sides.items():
                if port in (doors.frontend, doors.backend):
                    return ecosystem, service
        for ecosystem, pairs in self.ports.reserved.items():
            if any(first <= port <= last for first, last in pairs):
                return ecosystem, ""
        return None

    def _across(self, caller: Wire, ecosystem: str, what: str) -> Target:
        advice = _use(caller, what) if what in self.ports.services else f"nothing of {ecosystem} is reachable from here"
        return Target(kind=OTHER_ECOSYSTEM, target=f"{ecosystem} {what}", advice=advice)

    def _neighbour(self, caller: Wire, service: str, target: str) -> Target:
        return Target(kind=UNDECLARED, target=target, advice=_use(caller, service))


def _use(caller: Wire, service: str) -> str:
    variable = f"{service.upper().replace('-', '_')}_URL"
    if service == caller.service and "job" not in caller.source:
        return "call yourself at HOST:PORT"
    if service in caller.reaches:
        return f"use {variable}"
    return f"declare it in depends_on, then use {variable}"
