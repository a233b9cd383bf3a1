"""What a stray call was after, and what its author should write instead. Pure: addresses and names in, words out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Address

from twinstage.inside.wires import EMPTY, RANGE, Ports, Wire

OTHER_ECOSYSTEM, UNDECLARED, OUTSIDE = "other-ecosystem", "undeclared", "outside"
BEYOND = "declare it under `outside` in twinstage.yaml, with a host for each ecosystem; then call it by that name"
"""The one place that says what to do about an address or name beyond the company's services."""
OWN = "it is one of production's own public names: call the service behind it, by depends_on"
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

    def connection(self, caller: Wire, address: str, port: int, *, datagram: bool = False) -> Target:
        """A TCP connection, or a datagram, that the guard did not let through to ``address``:``port``."""
        target = self._connection(caller, address, port)
        if datagram and target.kind != OTHER_ECOSYSTEM:
            return replace(target, target=f"udp {target.target}")
        return target

    def _connection(self, caller: Wire, address: str, port: int) -> Target:
        place = f"{address}:{port}"
        ours = IPv4Address(address) in RANGE
        if ours and (served := next((e for e, number in self.ports.databases.items() if number == port), None)):
            return self._database(served)
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
        host = next((there.host for there in caller.outside if there.address == address), address)
        return Target(kind=OUTSIDE, target=f"{host}:{port}", advice=BEYOND)

    def name(self, caller: Wire, name: str) -> Target:
        """A name that has no address here. ``name`` is in lower case, without the final dot."""
        own = max((it for it in self.ports.public if name == it or name.endswith(f".{it}")), key=len, default="")
        labels = name.removesuffix(own).removesuffix(".").split(".")
        if not own and self._of_others(labels):
            return Target(kind=OUTSIDE, target=f"dns {name}", advice=BEYOND)
        service, words = self._read(labels)
        for ecosystem in _ECOSYSTEMS:
            if ecosystem == self.ports.ecosystem:
                continue
            bare = ecosystem in labels and (len(labels) <= 2 or labels[-1] == ecosystem)
            said = ecosystem in words and (service or bare or own)
            # A public name is production's where it does not say whose else.
            if said or (own and ecosystem == "production" and self.ports.ecosystem not in words):
                return self._across(caller, ecosystem, service or name)
        if service and words <= _LOCAL_SUFFIXES | {self.ports.ecosystem}:
            return self._neighbour(caller, service, f"dns {name}")
        return Target(kind=OUTSIDE, target=f"dns {name}", advice=OWN if own else BEYOND)

    def _of_others(self, labels: Sequence[str]) -> bool:
        """Whether a name is a third party's for certain, whatever words it has: ``api.production.vendor.com``. Where the company
        has not said which names are its own, none is; nor is one that no domain ends, or that has ours in its domain."""
        if not self.ports.public or len(labels) < 2:
            return False
        domain, last = labels[-2:]
        if last in _LOCAL_SUFFIXES or last in _ECOSYSTEMS or last in self.ports.services or not _tops(last):
            return False
        related = any(own.split(".")[-2:] == [domain, last] for own in self.ports.public)
        ours = domain in self.ports.services or any(ecosystem in domain.split("-") for ecosystem in _ECOSYSTEMS)
        return not related and not ours

    def _read(self, labels: Sequence[str]) -> tuple[str, frozenset[str]]:
        """The service that a name speaks of, or nothing, and all words around it: ``user-data-production.internal`` is
        ``user-data`` among ``production`` and ``internal``."""
        services = self.ports.services
        place = next((at for at, label in enumerate(labels) if label in services), None)
        if place is not None:
            return labels[place], _words(label for at, label in enumerate(labels) if at != place)
        best, around = "", _words(labels)
        for at, label in enumerate(labels):
            parts = label.split("-")
            for first in range(len(parts)):
                for end in range(first + 1, len(parts) + 1):
                    part = "-".join(parts[first:end])
                    if len(part) > len(best) and part in services:
                        others = (*labels[:at], *labels[at + 1 :], *parts[:first], *parts[end:])
                        best, around = part, _words(others)
        return best, around

    @cached_property
    def _owners(self) -> Mapping[int, tuple[str, str]]:
        """Port -> (ecosystem, service). Kept: under a flood it is asked thousands of times a second."""
        return {
            port: (ecosystem, service)
            for service, sides in self.ports.services.items()
            for ecosystem, doors in sides.items()
            for port in (doors.frontend, doors.backend)
        }

    def _owner(self, port: int) -> tuple[str, str] | None:
        """(ecosystem, service) that the port was allocated to; the service is empty where only the range is known."""
        if port in self._owners:
            return self._owners[port]
        for ecosystem, pairs in self.ports.reserved.items():
            if any(first <= port <= last for first, last in pairs):
                return ecosystem, ""
        return None

    def _across(self, caller: Wire, ecosystem: str, what: str) -> Target:
        advice = _use(caller, what) if what in self.ports.services else f"nothing of {ecosystem} is reachable from here"
        return Target(kind=OTHER_ECOSYSTEM, target=f"{ecosystem} {what}", advice=advice)

    def _database(self, ecosystem: str) -> Target:
        """An ecosystem's database server: there is one port for all, and each release sees its own databases alone."""
        advice = "declare it under `databases` in twinstage.yaml, then use its *_DATABASE_URL"
        if ecosystem == self.ports.ecosystem:
            return Target(kind=UNDECLARED, target="databases", advice=advice)
        advice = f"nothing of {ecosystem} is reachable from here: {advice}"
        return Target(kind=OTHER_ECOSYSTEM, target=f"{ecosystem} databases", advice=advice)

    def _neighbour(self, caller: Wire, service: str, target: str) -> Target:
        return Target(kind=UNDECLARED, target=target, advice=_use(caller, service))


def _tops(label: str) -> bool:
    """Could it be a top-level domain: letters alone, or letters of another script as they are written in ASCII."""
    return label.isalpha() or label.startswith("xn--")


def _words(labels: Iterable[str]) -> frozenset[str]:
    return frozenset(word for label in labels for word in label.split("-"))


def _use(caller: Wire, service: str) -> str:
    variable = f"{service.upper().replace('-', '_')}_URL"
    if service == caller.service and "job" not in caller.source:
        return "call yourself at HOST:PORT"
    if service in caller.reaches:
        return f"use {variable}"
    return f"add `{service}` to depends_on in twinstage.yaml, then use {variable}"
