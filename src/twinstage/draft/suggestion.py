"""The lines of twinstage.yaml that would have let recorded attempts through, for a person to judge. Pure."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from twinstage.config import rules
from twinstage.config.outside import bare
from twinstage.draft.recorded import HTTPS, Asked, Meant, asked, meant, together
from twinstage.model.names import Ecosystem
from twinstage.model.release import Definition, Outside
from twinstage.store.rows import Attributed

NOWHERE = "invalid"
"""The top-level domain that never is one (RFC 2606): what stands for the host that only a person can name."""
_TOLD = 3
_DEPENDS_ON, _DATABASES, _OUTSIDE = "depends_on", "databases", "outside"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry to add under a key."""

    key: str
    name: str
    value: str
    """As it stands in YAML; empty for an entry of a list."""
    note: str
    """What to do beside declaring it."""
    asked: tuple[Asked, ...]


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What nothing can be declared for."""

    target: str
    why: str
    asked: tuple[Asked, ...]


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    lines: tuple[Line, ...]
    rest: tuple[Rest, ...]
    text: str
    """Whole keys: each goes in place of the one that stands in the file, or is added. Empty: nothing to declare."""


@dataclass(kw_only=True)
class _Found:
    """Attempts by what was meant, in the order in which they were first made."""

    services: dict[str, list[Asked]] = field(default_factory=dict)
    databases: list[Asked] = field(default_factory=list)
    hosts: dict[str, dict[int | None, list[Asked]]] = field(default_factory=dict)
    rest: dict[tuple[str, str], list[Asked]] = field(default_factory=dict)


def suggest(
    seen: Iterable[Attributed], declared: Definition, services: Collection[str], public: Collection[str]
) -> Suggestion:
    """``declared``: the service's newest definition; ``services``: the company's; ``public``: names that nobody may declare."""
    found = _Found()
    for item in sorted(seen, key=lambda a: (a.first or a.crossing.at, a.crossing.seq)):
        it = meant(item.crossing, services)
        why = it.why or _needless(it, declared, item.crossing.ecosystem, public)
        if why:
            found.rest.setdefault((item.crossing.target, why), []).append(asked(item))
        elif it.service:
            found.services.setdefault(it.service, []).append(asked(item))
        elif it.database:
            found.databases.append(asked(item))
        else:
            found.hosts.setdefault(it.host, {}).setdefault(it.port, []).append(asked(item))
    hosts = list(_outside(found, declared))
    room = max(0, rules.MOST_OUTSIDE - len(declared.outside))
    for line in hosts[room:]:
        why = f"a service has at most {rules.MOST_OUTSIDE} names beyond the company"
        found.rest[(line.name, why)] = list(line.asked)
    lines = (*_neighbours(found), *_databases(found, declared), *hosts[:room])
    rest = tuple(Rest(target=target, why=why, asked=together(its)) for (target, why), its in found.rest.items())
    return Suggestion(lines=lines, rest=rest, text=_text(lines, declared))


def _needless(it: Meant, declared: Definition, ecosystem: Ecosystem, public: Collection[str]) -> str:
    """Why there is nothing to declare; empty where there is."""
    if it.service == declared.service:
        return "that is itself: an instance calls itself at HOST:PORT, a verification at TWINSTAGE_URL"
    if it.service in declared.depends_on:
        return f"it is declared: use {rules.variable_for(it.service)}"
    if it.database and declared.databases:
        variables = ", ".join(map(rules.database_variable, declared.databases))
        return f"it has databases: use {variables}"
    if any(it.host == own or it.host.endswith(f".{own}") for own in public):
        return "one of production's own public names: call the service by depends_on"
    for name, entry in declared.outside.items():
        host = entry.hosts[ecosystem]
        if host == f"{it.host}:{it.port}" or (it.port is None and bare(host) == it.host):
            return f"it is declared as {name}: a release before that asked for it"
        if bare(entry.hosts[ecosystem.other]) == it.host != bare(host):
            return f"that is {ecosystem.other}'s host of {name}: in {ecosystem} call {host}"
    return ""


def _neighbours(found: _Found) -> Iterator[Line]:
    for name, its in sorted(found.services.items()):
        note = f"call it at {rules.variable_for(name)}, in either ecosystem"
        yield Line(key=_DEPENDS_ON, name=name, value="", note=note, asked=together(its))


def _databases(found: _Found, declared: Definition) -> Iterator[Line]:
    if found.databases:
        name = declared.service.replace("-", "_")
        note = f"reach it by {rules.database_variable(name)}; {{migrate: COMMAND}} makes its tables"
        yield Line(key=_DATABASES, name=name, value="{}", note=note, asked=together(found.databases))


def _outside(found: _Found, declared: Definition) -> Iterator[Line]:
    taken = set(declared.outside)
    for host, by_port in found.hosts.items():
        named = by_port.pop(None, [])
        ports = by_port or {HTTPS: []}
        for port, its in sorted(ports.items(), key=lambda pair: pair[0] or 0):
            every = together([*its, *named])
            name = _free(host, taken)
            taken.add(name)
            yield Line(
                key=_OUTSIDE,
                name=name,
                value=_hosts(host, port or HTTPS, {it.ecosystem for it in every}),
                note=_choice({it.ecosystem for it in every})
                + ("" if its else "; the port was not seen, 443 is a guess"),
                asked=every,
            )


def _hosts(host: str, port: int, where: Collection[Ecosystem]) -> str:
    """Each ecosystem that asked has the host, production alone where both did; the other's is for a person to name."""
    mine = Ecosystem.PRODUCTION if Ecosystem.PRODUCTION in where else Ecosystem.STAGING
    places = {eco: f"{host}:{port}" if eco is mine else f"{host[: 253 - 8]}.{NOWHERE}:{port}" for eco in Ecosystem}
    return _flow({eco.value: places[eco] for eco in Ecosystem})


def _choice(where: Collection[Ecosystem]) -> str:
    if len(where) == len(Ecosystem):
        return f"name what staging shall call instead of .{NOWHERE}, or a stub, or say why both may call it: shared"
    (here,) = where
    stub = ", or a stub" if here is Ecosystem.PRODUCTION else ""
    return f"is that {here}'s? Name {here.other}'s host instead of .{NOWHERE}{stub}"


def _free(host: str, taken: Collection[str]) -> str:
    """A name for people, as the file takes one."""
    words = re.sub(r"[^a-z0-9]+", "-", host).strip("-")
    stem = (words if words[:1].isalpha() else f"host-{words}")[:26].rstrip("-")
    numbered = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)


def _text(lines: Sequence[Line], declared: Definition) -> str:
    rows: list[str] = []
    for key in (_DEPENDS_ON, _DATABASES, _OUTSIDE):
        of_key = [line for line in lines if line.key == key]
        if of_key:
            rows += [f"{key}:", *_standing(key, declared)]
            for line in of_key:
                rows += [f"  # {_evidence(line.asked)}", f"  # {line.note}"]
                rows.append(f"  {line.name}: {line.value}" if line.value else f"  - {line.name}")
    return "".join(f"{row}\n" for row in rows)


def _standing(key: str, declared: Definition) -> list[str]:
    """What the file has there already, so that the whole key can be put in its place."""
    if key == _DEPENDS_ON:
        return [f"  - {name}" for name in declared.depends_on]
    if key == _DATABASES:
        return [f"  {name}: {_flow({'migrate': it} if it else {})}" for name, it in declared.databases.items()]
    return [f"  {name}: {_flow(_entry(it))}" for name, it in declared.outside.items()]


def _entry(it: Outside) -> dict[str, str]:
    entry = {Ecosystem.PRODUCTION.value: it.hosts[Ecosystem.PRODUCTION]}
    entry |= {"stub": it.stub} if it.stub else {Ecosystem.STAGING.value: it.hosts[Ecosystem.STAGING]}
    return entry | ({"shared": it.shared} if it.shared else {})


def _flow(entry: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()) + "}"


def _evidence(its: Sequence[Asked]) -> str:
    told = [
        f"{it.release or 'an unknown release'} in {it.ecosystem} {it.count:,} {'time' if it.count == 1 else 'times'}, "
        f"first {it.first:%Y-%m-%d %H:%M:%S}, last {it.last:%Y-%m-%d %H:%M:%S} UTC"
        for it in its[:_TOLD]
    ]
    return "asked by " + "; ".join(told) + (f"; and {len(its) - _TOLD} more" if len(its) > _TOLD else "")
