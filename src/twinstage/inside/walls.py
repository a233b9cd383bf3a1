"""The rules of an ecosystem's networks, as values: what an instance meets at the gateway, and its own side of its wire. Pure."""

from collections.abc import Iterable, Sequence

from twinstage.inside import nft
from twinstage.inside.missed import KEPT_SECONDS
from twinstage.inside.nft import ACCEPT, DNAT, DROP, SNAT, TCP, UDP, Chain, Table
from twinstage.inside.notes import mark, marked, note, remember, reset, too_many
from twinstage.inside.wires import Ports, Wire

STRAYS_PORT, NAMES_PORT = 9, 53
"""Where the sentinel listens on the gateway: stray connections, names."""
LOG_GROUP = 1
"""Where the guard tells of the datagrams that it drops."""
INNER = "eth0"
"""The instance's end of its wire."""
_NOTED_BYTES, _NOTES_A_SECOND, _NOTED = 64, 1000, "noted"
"""Of each caller."""
_CALLS_A_SECOND, _CALLS, _RESETS, _RESETS_NOTED = 300, "calls", "resets", 1000
"""Stray calls of each caller that the sentinel itself is to answer. The others are reset here and told of: the connections that
are remembered (an ended one for up to a minute) must never fill the table that allowed calls need too."""
_QUESTIONS_A_SECOND, _QUESTIONS, _DROPS, _DROPS_NOTED, _QUESTION_BYTES = 2000, "questions", "drops", 10, 320
"""Questions of each caller. The others are dropped, and told of now and then, with so many bytes as hold a name."""
_PRESSED = 1
GUARD, TRIED, SENT = "guard", "tried", "sent"
"""The table, and its sets of the latest stray calls and datagrams: for a sentinel that was not there (missed.py)."""
_BEFORE_ROUTING, _AFTER_ROUTING, _FILTER = -100, 100, 0


def guard(ports: Ports, wires: Iterable[Wire], *, noted: bool = True) -> Table:
    """What an instance meets at the gateway: what it declared, its names, and the sentinel for all the rest.

    What it declared are pairs of it and a port of the gateway, and triples of it and the address and port of a name outside.
    ``noted``: what is dropped is told of, for the record, and each caller has its bounds; only some kernels can.
    """
    reached = list(wires)
    frontends = {(wire.address, door) for wire in reached for name in wire.reaches if (door := ports.frontend(name))}
    if database := ports.databases.get(ports.ecosystem):
        frontends |= {(wire.address, database) for wire in reached if wire.databases}
    outside = {(wire.address, there.address, there.port) for wire in reached for there in wire.outside}
    tcp, gateway, accept = nft.protocol(TCP), nft.destination(ports.gateway), nft.verdict(ACCEPT)
    declared = (*tcp, *gateway, *nft.pair_in("declared"), *accept)
    beyond = (*tcp, *nft.triple_in("outside"), *accept)
    before = _before(ports, (declared, *_stubs(ports, reached), beyond), noted=noted)
    arriving = _arriving(ports, (declared, beyond), noted=noted)
    return Table(
        name=GUARD,
        pairs=(("declared", tuple(sorted(frontends))),),
        triples=(("outside", tuple(sorted(outside))),),
        meters=(_NOTED, _CALLS, _RESETS, _QUESTIONS, _DROPS) if noted else (),
        memories=(TRIED, SENT) if noted else (),
        chains=(
            Chain(name="before", kind="nat", hook=nft.PREROUTING, priority=_BEFORE_ROUTING, rules=before),
            Chain(name="arriving", kind="filter", hook=nft.INPUT, priority=_FILTER, rules=arriving, policy=DROP),
            Chain(name="passing", kind="filter", hook=nft.FORWARD, priority=_FILTER, rules=(), policy=DROP),
        ),
    )


def _before(ports: Ports, goes: Sequence[nft.Rule], *, noted: bool) -> tuple[nft.Rule, ...]:
    """Where each first packet goes: what ``goes`` by its own rules, to the sentinel otherwise, or nowhere."""
    tcp, udp, accept = nft.protocol(TCP), nft.protocol(UDP), nft.verdict(ACCEPT)
    to_names = nft.translate(DNAT, ports.gateway, NAMES_PORT)
    return (
        (*nft.arrives_by("lo"), *accept),
        *goes,
        *(_too_many_calls(tcp) if noted else ()),
        *([(*tcp, *remember(TRIED, KEPT_SECONDS))] if noted else []),
        (*tcp, *nft.port(53), *to_names),
        (*tcp, *nft.translate(DNAT, ports.gateway, STRAYS_PORT)),
        (*udp, *nft.port(53), *to_names),
        *([(*udp, *remember(SENT, KEPT_SECONDS))] if noted else []),
        *([(*udp, *note(LOG_GROUP, _NOTED_BYTES, _NOTED, _NOTES_A_SECOND))] if noted else []),
        nft.verdict(DROP),
    )


def _arriving(ports: Ports, admitted: Sequence[nft.Rule], *, noted: bool) -> tuple[nft.Rule, ...]:
    """What may come in at all: what goes on, what is ``admitted``, and what is for the sentinel."""
    tcp, gateway, accept = nft.protocol(TCP), nft.destination(ports.gateway), nft.verdict(ACCEPT)
    question = (*nft.protocol(UDP), *gateway, *nft.port(NAMES_PORT))
    return (
        (*nft.arrives_by("lo"), *accept),
        *(_too_many_questions(question) if noted else ()),
        (*nft.connection(nft.ESTABLISHED), *accept),
        *admitted,
        (*tcp, *gateway, *nft.port(STRAYS_PORT), *accept),
        (*tcp, *gateway, *nft.port(NAMES_PORT), *accept),
        (*question, *accept),
    )


def _too_many_calls(calls: nft.Rule) -> list[nft.Rule]:
    return [
        (*calls, *too_many(_CALLS, _CALLS_A_SECOND), *mark(_PRESSED)),
        (*marked(_PRESSED), *note(LOG_GROUP, _NOTED_BYTES, _RESETS, _RESETS_NOTED)),
        (*calls, *marked(_PRESSED), *reset()),
    ]


def _too_many_questions(questions: nft.Rule) -> list[nft.Rule]:
    return [
        (*questions, *too_many(_QUESTIONS, _QUESTIONS_A_SECOND), *mark(_PRESSED)),
        (*marked(_PRESSED), *note(LOG_GROUP, _QUESTION_BYTES, _DROPS, _DROPS_NOTED)),
        (*marked(_PRESSED), *nft.verdict(DROP)),
    ]


def _stubs(ports: Ports, wires: Iterable[Wire]) -> list[nft.Rule]:
    """Where a service stands in for what is outside, its frontend answers at that name's address."""
    places = {
        (there.address, there.port, door)
        for wire in wires
        for there in wire.outside
        if there.stub in wire.reaches and (door := ports.frontend(there.stub))
    }
    return [
        (
            *nft.protocol(TCP),
            *nft.destination(address),
            *nft.port(port),
            *nft.triple_in("outside"),
            *nft.translate(DNAT, ports.gateway, door),
        )
        for address, port, door in sorted(places)
    ]


def wiring(wire: Wire, ports: Ports) -> Table:
    """An instance's own side: its backend port leads to its program, the neighbours' ports on 127.0.0.1 to the gateway."""
    tcp, local = nft.protocol(TCP), nft.destination_is_loopback()
    arriving: list[nft.Rule] = []
    leaving: list[nft.Rule] = []
    if wire.listens is not None:
        leaving.append((*local, *tcp, *nft.port(wire.listens), *nft.verdict(ACCEPT)))
    if wire.backend is not None and wire.listens is not None:
        home = (*tcp, *nft.port(wire.backend), *nft.translate(DNAT, "127.0.0.1", wire.listens))
        arriving.append((*nft.arrives_by(INNER), *home))
        leaving.append((*local, *home))
        leaving.append((*nft.destination(wire.address), *home))
    for first, last in ports.ranges:
        leaving.append((*local, *tcp, *nft.port_between(first, last), *nft.translate(DNAT, ports.gateway)))
    named = (*nft.leaves_by(INNER), *nft.source_is_not(wire.address), *nft.translate(SNAT, wire.address))
    return Table(
        name="wire",
        chains=(
            Chain(name="arriving", kind="nat", hook=nft.PREROUTING, priority=_BEFORE_ROUTING, rules=tuple(arriving)),
            Chain(name="leaving", kind="nat", hook=nft.OUTPUT, priority=_BEFORE_ROUTING, rules=tuple(leaving)),
            Chain(name="named", kind="nat", hook=nft.POSTROUTING, priority=_AFTER_ROUTING, rules=(named,)),
        ),
    )
