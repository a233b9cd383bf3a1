"""What the controller wants here: ``ports.json`` and one file per wire, read and checked, never written.

Both are written whole and renamed into place by the controller, so a file that does not parse is a mistake and not a
moment. One bad wire file says so under its id and leaves the other wires alone.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

RANGE = IPv4Network("10.64.0.0/10")
GATEWAY = "10.64.0.1"
GATEWAY_BLOCK = IPv4Network("10.64.0.0/26")
"""The first /26: no wire has an address in it."""
OUTSIDE_RANGE = IPv4Network("10.63.0.0/16")
"""Addresses of names beyond the company: each has one of its own, and no wire has any of them."""
READY = ".ready"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62})")


_HOST = re.compile(r"[a-z0-9-][a-z0-9.-]{0,252}")


class Unreadable(Exception):
    """A desired file that cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """One name beyond the company, as one release declares it."""

    host: str
    """In lower case."""
    port: int
    address: str
    """What the name resolves to here."""
    stub: str | None = None
    """The service whose frontend answers there instead."""


@dataclass(frozen=True, kw_only=True)
class Wire:
    """One instance's or job's connection to its ecosystem. Ports are TCP ports, ``None`` where nothing listens."""

    id: str
    address: str
    backend: int | None
    """Where the ecosystem reaches it."""
    listens: int | None
    """The program's own port: what arrives for ``backend`` is turned to it."""
    hostname: str
    service: str
    release: str
    source: Mapping[str, Any]
    """``{"workload": {...}}`` or ``{"job": id}``: copied into each crossing as it stands."""
    calls: tuple[str, ...]
    databases: bool = False
    """Whether its ecosystem's database server exists for it."""
    outside: tuple[Outside, ...] = ()
    """Everything beyond the company that exists for it."""

    @property
    def reaches(self) -> tuple[str, ...]:
        """Services whose frontends exist for it. A job stands in for a caller of the service it verifies."""
        return (*self.calls, self.service) if "job" in self.source else self.calls


@dataclass(frozen=True, kw_only=True)
class Doors:
    """The two ports of one service in one ecosystem."""

    frontend: int
    backend: int


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Every port of both ecosystems, as the store allocated them."""

    ecosystem: str
    gateway: str
    ranges: tuple[tuple[int, int], ...]
    """First and last port of each range that 127.0.0.1 leads to the gateway for: sorted, both ecosystems'."""
    reserved: Mapping[str, tuple[tuple[int, int], ...]]
    """The ranges by ecosystem: a port without a service still belongs to somebody."""
    services: Mapping[str, Mapping[str, Doors]]
    """Service -> ecosystem -> its ports."""
    databases: Mapping[str, int] = field(default_factory=dict)
    """Ecosystem -> the port of its database server."""
    public: tuple[str, ...] = ()
    """Production's own public names, with all below them."""

    def frontend(self, service: str) -> int | None:
        """The port where ``service`` answers in this ecosystem; None when it has none yet."""
        doors = self.services.get(service, {}).get(self.ecosystem)
        return doors.frontend if doors else None


EMPTY = Ports(ecosystem="", gateway=GATEWAY, ranges=(), reserved={}, services={})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The desired files at one moment."""

    ports: Ports
    wires: Mapping[str, Wire] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    """Wire id -> what is wrong with its file, in words."""

    def remembering(self, before: Mapping[str, Wire]) -> "Wanted":
        """A wire whose file went bad stays as it was ``before``: what runs on it is not to suffer for the mistake."""
        taken = {wire.address for wire in self.wires.values()}
        kept = {name: before[name] for name in self.failed if name in before and before[name].address not in taken}
        return replace(self, wires={**kept, **self.wires})


def read(desired: Path) -> Wanted:
    """Both kinds of files under ``desired``. Raises `Unreadable` when ports.json or the folder of wires is no use."""
    ports = _ports(desired / "ports.json")
    try:
        files = sorted((desired / "wires").glob("*.json"))
        if not (desired / "wires").is_dir():
            raise NotADirectoryError("it is not a folder")
    except OSError as error:
        raise Unreadable(f"cannot list {desired / 'wires'}: {error}") from error
    wires: dict[str, Wire] = {}
    failed: dict[str, str] = {}
    taken: dict[str, str] = {}
    for path in files:
        try:
            wire = _wire(path)
        except Unreadable as error:
            failed[path.stem] = str(error)
            continue
        if wire.address in taken:
            failed[wire.id] = f"cannot use {path.name}: {wire.address} is {taken[wire.address]}'s address already"
            continue
        taken[wire.address] = wire.id
        wires[wire.id] = wire
    return Wanted(ports=ports, wires=wires, failed=failed)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise Unreadable(f"cannot use {path}: it holds no JSON object")
    return content


def _ports(path: Path) -> Ports:
    content = _load(path)
    try:
        reserved: dict[str, list[tuple[int, int]]] = {}
        for key in ("ranges", "backends"):
            for ecosystem, (first, last) in content.get(key, {}).items():
                reserved.setdefault(ecosystem, []).append((_port(first), _port(last)))
        databases = {str(ecosystem): _port(number) for ecosystem, number in content.get("databases", {}).items()}
        for ecosystem, number in databases.items():
            reserved.setdefault(ecosystem, []).append((number, number))
        services = {
            str(service): {
                str(ecosystem): Doors(frontend=_port(doors["frontend"]), backend=_port(doors["backend"]))
                for ecosystem, doors in sides.items()
            }
            for service, sides in content["services"].items()
        }
        return Ports(
            ecosystem=str(content["ecosystem"]),
            gateway=str(IPv4Address(content.get("gateway", GATEWAY))),
            ranges=tuple(sorted(pair for pairs in reserved.values() for pair in pairs)),
            reserved={ecosystem: tuple(sorted(pairs)) for ecosystem, pairs in reserved.items()},
            services=services,
            databases=databases,
            public=tuple(_matching(_HOST, name, "public name") for name in content.get("public", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"cannot use {path}: {_words(error)}") from error


def _wire(path: Path) -> Wire:
    content = _load(path)
    try:
        wire = Wire(
            id=_matching(_ID, content["id"], "id"),
            address=_address(content["address"]),
            backend=_optional_port(content.get("backend")),
            listens=_optional_port(content.get("listens")) or _optional_port(content.get("backend")),
            hostname=_matching(_HOSTNAME, content["hostname"], "hostname"),
            service=str(content["service"]),
            release=str(content["release"]),
            source=dict(content["source"]),
            calls=tuple(str(name) for name in content.get("calls", ())),
            databases=content.get("databases") is True,
            outside=tuple(_outside(entry) for entry in content.get("outside", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"cannot use {path}: {_words(error)}") from error
    if wire.id != path.stem or wire.id.endswith(READY):
        raise Unreadable(
            f"cannot use {path}: its id is {wire.id!r}, which must be the file's name and not end in {READY}"
        )
    return wire


def _words(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _matching(pattern: re.Pattern[str], value: object, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{what} {value!r} does not match {pattern.pattern}")
    return value


def _outside(entry: Mapping[str, Any]) -> Outside:
    address, stub = IPv4Address(entry["address"]), entry.get("stub")
    if address not in OUTSIDE_RANGE:
        raise ValueError(f"address {entry['address']!r} of an outside name is not one of {OUTSIDE_RANGE}")
    return Outside(
        host=_matching(_HOST, entry["host"], "host"),
        port=_port(entry["port"]),
        address=str(address),
        stub=None if stub is None else str(stub),
    )


def _address(value: object) -> str:
    address = IPv4Address(value) if isinstance(value, str) else None
    if address is None or address not in RANGE or address in GATEWAY_BLOCK:
        raise ValueError(f"address {value!r} is not one of {RANGE} outside of {GATEWAY_BLOCK}")
    return str(address)


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65536:
        raise ValueError(f"{value!r} is not a port")
    return value


def _optional_port(value: object) -> int | None:
    return None if value is None else _port(value)
