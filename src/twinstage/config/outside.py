"""``outside``: hosts beyond the company, for each ecosystem, or every problem with them."""

import re
from collections.abc import Collection, Mapping

from twinstage.config import rules
from twinstage.config.problems import nearest
from twinstage.config.value import Value
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.release import Outside

_RIGHT = 'write {production: "api.example.com:443", staging: "api.sandbox.example.com:443"}'
_NAMED = f"write names, and for each {_RIGHT}"
KEYS = ("production", "staging", "stub", "shared")

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""What ends so is no name to whoever looks it up: ``0x7f.1`` is 127.0.0.1."""


def outside(
    value: Value | None, service: str | None, known: Collection[ServiceName] | None, public: Collection[str]
) -> Mapping[str, Outside]:
    """``known``: the company's services, where they are; ``public``: production's own public names."""
    if value is None:
        return {}
    found = value.named(rules.SERVICE, _NAMED)
    if len(found) > rules.MOST_OUTSIDE:
        value.wrong(f"has {len(found)} names", f"at most {rules.MOST_OUTSIDE} a service")
    read: dict[str, Outside] = {}
    for name, entry in found.items():
        by = entry.table(_RIGHT, known=KEYS)
        made = None if by is None else _one(entry, by, service, known)
        if made is not None:
            read[name] = made
            _refuse_public(by or {}, made, public)
    _each_once(found, read)
    return read


def _one(
    entry: Value, by: Mapping[str, Value], service: str | None, known: Collection[ServiceName] | None
) -> Outside | None:
    other = "stub" if "stub" in by else "staging"
    lacking = [key for key in ("production", other) if key not in by]
    if lacking:
        entry.wrong(f"has no {' and no '.join(lacking)}", f"{_RIGHT}; or stub: and a service, instead of staging")
    if "stub" in by and "staging" in by:
        by["staging"].wrong("stands beside stub, which answers in staging", "keep one of them")
        return None
    hosts = {e: host for e in Ecosystem if e in by and (host := _host(by[e])) is not None}
    shared = (by["shared"].text("write why the same host is safe for both ecosystems") or "") if "shared" in by else ""
    stub = _stub(by["stub"], service, known) if "stub" in by else None
    if Ecosystem.PRODUCTION not in hosts or (stub is None and Ecosystem.STAGING not in hosts):
        return None
    if stub is not None:
        hosts[Ecosystem.STAGING] = hosts[Ecosystem.PRODUCTION]
    same = stub is None and len({bare(host) for host in hosts.values()}) == 1
    if same and "shared" not in by:
        by["staging"].wrong(
            f"{bare(hosts[Ecosystem.STAGING])} is production's host too",
            'name another, or a `stub:`, or say why it is safe: shared: "read-only"',
        )
    elif "shared" in by and not same:
        by["shared"].wrong("the ecosystems do not share a host here", "remove it")
    return Outside(hosts=hosts, shared=" ".join(shared.split()), stub=stub)


def bare(place: str) -> str:
    """The host of ``host:port``."""
    return place.rpartition(":")[0]


def _host(value: Value) -> str | None:
    text = value.word(rules.ADDRESS)
    if text is None:
        return None
    host = bare(text).lower()
    if host == "localhost" or host.endswith(".localhost"):
        value.wrong(f"{host} is every instance's own", "name a host beyond this machine")
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        value.wrong(f"{host} is an address", "name the host: its address is looked up each time")
    else:
        return text.lower()
    return None


def _stub(value: Value, service: str | None, known: Collection[ServiceName] | None) -> ServiceName | None:
    stub = value.word(rules.SERVICE)
    if stub is None:
        return None
    if stub == service:
        value.wrong("a service cannot stand in for what it calls itself", "name another service")
    elif stub in rules.RESERVED_SERVICES or (known is not None and stub not in known):
        close = nearest(stub, known or ())
        meant = f"did you mean {close}?" if close else "add it to ecosystem.yaml"
        value.wrong(f"no service {stub} in this company", meant)
    else:
        return ServiceName(stub)
    return None


def _refuse_public(by: Mapping[str, Value], made: Outside, public: Collection[str]) -> None:
    for ecosystem, place in made.hosts.items():
        host = bare(place)
        if ecosystem in by and any(host == own or host.endswith(f".{own}") for own in public):
            by[ecosystem].wrong(
                f"{host} is one of production's own public names (`public` in ecosystem.yaml)",
                "call the service by depends_on",
            )


def _each_once(found: Mapping[str, Value], read: Mapping[str, Outside]) -> None:
    """No name says for staging what another one says for production, and no host has two answers in one ecosystem."""
    production = {bare(it.hosts[Ecosystem.PRODUCTION]): name for name, it in read.items()}
    for name, it in read.items():
        host = bare(it.hosts[Ecosystem.STAGING])
        other = production.get(host, name)
        if other != name and it.stub is None:
            found[name].wrong(f"{host} is production's host of {other}", "name another host for staging")
    for ecosystem in Ecosystem:
        taken: dict[str, str] = {}
        for name, it in read.items():
            place = it.hosts[ecosystem]
            if place in taken:
                found[name].wrong(f"{place} is what {taken[place]} is in {ecosystem}", "keep one of them")
            taken.setdefault(place, name)
