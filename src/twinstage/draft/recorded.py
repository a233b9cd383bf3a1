"""What a recorded attempt was after, read from its target. Pure: the sentinel's words in (inside/targets.py), meaning out."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from twinstage.config import rules
from twinstage.model.names import Ecosystem, ReleaseId
from twinstage.model.seen import ACROSS, ELSEWHERE, OTHER_ECOSYSTEM, OUTSIDE, Crossing
from twinstage.store.rows import Attributed

HTTPS = 443
_ACROSS = re.compile(r"(?:production|staging) (.+)")
_NAMED_PLACE = re.compile(r"[0-9.]+:(\d{1,5}) \(([^)]+)\)")
_PLACE = re.compile(r"([^\s:]+):(\d{1,5})")
_NUMBERS = re.compile(r"[0-9.]+")
_VARIABLE = re.compile(r"\b([A-Z][A-Z0-9_]*)_URL\b")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """When one release asked for it in one ecosystem, and how often."""

    ecosystem: Ecosystem
    release: ReleaseId | None
    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, kw_only=True)
class Meant:
    """One of ``service``, ``database`` or ``host`` was meant, else ``why`` says why nothing can be declared for it."""

    service: str = ""
    database: bool = False
    host: str = ""
    port: int | None = None
    """None: only its name was asked for."""
    why: str = ""


def asked(seen: Attributed) -> Asked:
    it = seen.crossing
    return Asked(
        ecosystem=it.ecosystem, release=seen.release, first=seen.first or it.at, last=it.at, count=it.count
    )  # fmt: skip


def together(found: Iterable[Asked]) -> tuple[Asked, ...]:
    """One for each release and ecosystem, the first asked first."""
    by: dict[tuple[Ecosystem, ReleaseId | None], list[Asked]] = {}
    for it in found:
        by.setdefault((it.ecosystem, it.release), []).append(it)
    merged = [
        Asked(
            ecosystem=ecosystem,
            release=release,
            first=min(it.first for it in its),
            last=max(it.last for it in its),
            count=sum(it.count for it in its),
        )
        for (ecosystem, release), its in by.items()
    ]
    return tuple(sorted(merged, key=lambda it: (it.first, it.ecosystem, it.release or "")))


def meant(seen: Crossing, services: Collection[str]) -> Meant:
    """``services``: the company's."""
    target = seen.target
    if target in (ELSEWHERE, ACROSS):
        return Meant(why="only so many places are told apart: declare what is named, and look again")
    if target.startswith("udp "):
        return Meant(
            why="datagrams go nowhere here: call it over TCP, and let names be looked up by the system's resolver"
        )
    across = _ACROSS.fullmatch(target) if seen.kind == OTHER_ECOSYSTEM else None
    if across is not None:
        target = across[1]
    if target == "databases":
        return Meant(database=True)
    if seen.kind != OUTSIDE:
        service = _neighbour(target, seen.advice, services)
        return Meant(service=service) if service else Meant(why=seen.advice or "it is no service of this company")
    return _beyond(target)


def _neighbour(target: str, advice: str, services: Collection[str]) -> str:
    """A service by its name, by the first of a name's labels that is one, or by the variable that the advice names."""
    for word in (target, *target.removeprefix("dns ").split(".")):
        if word in services:
            return word
    variable = _VARIABLE.search(advice)
    return next((name for name in services if variable and rules.variable_for(name) == variable[0]), "")


def _beyond(target: str) -> Meant:
    host, port = target.removeprefix("dns "), None
    if (named := _NAMED_PLACE.fullmatch(target)) is not None:
        host, port = named[2], int(named[1])
    elif (place := _PLACE.fullmatch(target)) is not None:
        host, port = place[1], int(place[2])
    if _NUMBERS.fullmatch(host):
        return Meant(why="it was called by a bare address: call it by a name, and look again")
    if "." not in host or not rules.ADDRESS.pattern.fullmatch(f"{host}:{port or HTTPS}"):
        return Meant(why="that is no name of a host beyond the company")
    return Meant(host=host, port=port)
