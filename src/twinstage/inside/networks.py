"""The ecosystem's networks: the gateway with its guard, and one wire per instance or job.

`Networks.reconcile` compares what is wanted with what is there and makes, repairs or removes the difference. It is run by
one thread, which walks into the namespaces it makes; every step may be the last one before a kill, and the next sentinel
finds either a wire with its ``.ready`` file, which is whole, or one without, which it makes anew.
"""

import errno
import hashlib
import json
import re
import socket
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from twinstage.inside import links, namespaces, nft
from twinstage.inside.netlink import ROUTE, Refused, run
from twinstage.inside.nft import ACCEPT, DNAT, DROP, SNAT, TCP, UDP, Chain, Table
from twinstage.inside.wires import READY, Ports, Wanted, Wire

STRAYS_PORT, NAMES_PORT = 9, 53
"""Where the sentinel listens on the gateway: stray connections, names."""
LOG_GROUP = 1
"""Where the guard tells of the datagrams that it drops."""
_PATIENCE = 5.0
"""Seconds for the kernel to notice that both ends of a wire are up; until then what is sent is lost."""
_NOTED_BYTES, _NOTES_A_SECOND = 64, 200
_INNER, _INNER_INDEX = "eth0", 2
_OUTER = re.compile(r"v[0-9a-f]{12}")
_BEFORE_ROUTING, _AFTER_ROUTING, _FILTER = -100, 100, 0
_EVERYWHERE = {
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
    "ipv4/ip_forward": "0",
    "ipv4/ip_unprivileged_port_start": "0",
}
"""A new namespace takes some of these from the machine's own, where a container engine may have turned forwarding on."""
_GATEWAY = {**_EVERYWHERE, "ipv4/conf/all/rp_filter": "1", "ipv4/conf/all/route_localnet": "0"}
_WIRE = {**_EVERYWHERE, "ipv4/conf/all/route_localnet": "1"}
_NO_SUCH_EXPRESSION = (errno.ENOENT, errno.EOPNOTSUPP)
_TRACKING = {"netfilter/nf_conntrack_tcp_timeout_time_wait": "10"}
"""An ended connection is remembered for 2 minutes by default: a busy caller without keep-alive would fill the table."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What `Networks.reconcile` left."""

    wires: tuple[str, ...]
    """Ids of those that are whole."""
    failed: Mapping[str, str]
    """Id -> why not, in words."""


def interface(wire: str) -> str:
    """The ecosystem's end of a wire. The kernel allows 15 characters, so the name is short and made from the id."""
    return "v" + hashlib.sha256(wire.encode()).hexdigest()[:12]


def guard(ports: Ports, wires: Iterable[Wire], *, noted: bool = True) -> Table:
    """What an instance meets at the gateway: the frontends it declared, its names, and the sentinel for all the rest.

    ``noted``: datagrams that are dropped are told of, for the record.
    """
    frontends = {(wire.address, door) for wire in wires for name in wire.reaches if (door := ports.frontend(name))}
    tcp, udp, gateway = nft.protocol(TCP), nft.protocol(UDP), nft.destination(ports.gateway)
    accept = nft.verdict(ACCEPT)
    declared = (*tcp, *gateway, *nft.pair_in("declared"), *accept)
    to_names = nft.translate(DNAT, ports.gateway, NAMES_PORT)
    before = (
        (*nft.arrives_by("lo"), *accept),
        declared,
        (*tcp, *nft.port(53), *to_names),
        (*tcp, *nft.translate(DNAT, ports.gateway, STRAYS_PORT)),
        (*udp, *nft.port(53), *to_names),
        *([(*udp, *nft.note(LOG_GROUP, _NOTED_BYTES, _NOTES_A_SECOND))] if noted else []),
        nft.verdict(DROP),
    )
    arriving = (
        (*nft.arrives_by("lo"), *accept),
        (*nft.connection(nft.ESTABLISHED), *accept),
        declared,
        (*tcp, *gateway, *nft.port(STRAYS_PORT), *accept),
        (*tcp, *gateway, *nft.port(NAMES_PORT), *accept),
        (*udp, *gateway, *nft.port(NAMES_PORT), *accept),
    )
    return Table(
        name="guard",
        pairs=(("declared", tuple(sorted(frontends))),),
        chains=(
            Chain(name="before", kind="nat", hook=nft.PREROUTING, priority=_BEFORE_ROUTING, rules=before),
            Chain(name="arriving", kind="filter", hook=nft.INPUT, priority=_FILTER, rules=arriving, policy=DROP),
            Chain(name="passing", kind="filter", hook=nft.FORWARD, priority=_FILTER, rules=(), policy=DROP),
        ),
    )


def wiring(wire: Wire, ports: Ports) -> Table:
    """An instance's own side: its backend port leads to its program, the neighbours' ports on 127.0.0.1 to the gateway."""
    tcp, local = nft.protocol(TCP), nft.destination_is_loopback()
    arriving: list[nft.Rule] = []
    leaving: list[nft.Rule] = []
    if wire.listens is not None:
        leaving.append((*local, *tcp, *nft.port(wire.listens), *nft.verdict(ACCEPT)))
    if wire.backend is not None and wire.listens is not None:
        home = (*tcp, *nft.port(wire.backend), *nft.translate(DNAT, "127.0.0.1", wire.listens))
        arriving.append((*nft.arrives_by(_INNER), *home))
        leaving.append((*local, *home))
        leaving.append((*nft.destination(wire.address), *home))
    for first, last in ports.ranges:
        leaving.append((*local, *tcp, *nft.port_between(first, last), *nft.translate(DNAT, ports.gateway)))
    named = (*nft.leaves_by(_INNER), *nft.source_is_not(wire.address), *nft.translate(SNAT, wire.address))
    return Table(
        name="wire",
        chains=(
            Chain(name="arriving", kind="nat", hook=nft.PREROUTING, priority=_BEFORE_ROUTING, rules=tuple(arriving)),
            Chain(name="leaving", kind="nat", hook=nft.OUTPUT, priority=_BEFORE_ROUTING, rules=tuple(leaving)),
            Chain(name="named", kind="nat", hook=nft.POSTROUTING, priority=_AFTER_ROUTING, rules=(named,)),
        ),
    )


def _digest(table: Table) -> str:
    return hashlib.sha256(repr(table).encode()).hexdigest()


class Networks:
    """All networks of one ecosystem, pinned below ``pins``. Not for several threads at once."""

    def __init__(self, pins: Path) -> None:
        self._pins = pins
        self._guard: str | None = None
        self._noted = True
        self._home = namespaces.here()

    def open_gateway(self, ports: Ports) -> None:
        """The gateway's address and settings: what listening on it takes. Raises OSError."""
        self._pins.mkdir(parents=True, exist_ok=True)
        namespaces.settings(_GATEWAY)
        namespaces.preferences(_TRACKING)
        run(ROUTE, [links.up(links.LOOPBACK), links.address(links.LOOPBACK, ports.gateway)])

    def close_guard(self, ports: Ports) -> None:
        """Let nothing in but strays, unless a guard stands already: a sentinel that starts anew takes nothing away."""
        if not (self._pins / ".guard").exists():
            self._set_guard(ports, ())

    def reconcile(self, wanted: Wanted) -> Standing:
        """Make it so. Trouble with one wire is told under its id; trouble with the guard is raised as OSError."""
        keep = wanted.wires.keys() | wanted.failed.keys()
        failed = dict(wanted.failed)
        there = namespaces.interfaces()
        for gone in self._pinned() - keep:
            self._clear(gone)
        for name in there - {interface(wire) for wire in keep}:
            if _OUTER.fullmatch(name):
                run(ROUTE, [links.delete(name)])
        self._set_guard(wanted.ports, wanted.wires.values())
        made: dict[str, str] = {}
        for wire in wanted.wires.values():
            try:
                if (made_from := self._make(wire, wanted.ports, interface(wire.id) in there)) is not None:
                    made[wire.id] = made_from
            except OSError as error:
                failed[wire.id] = f"cannot make the wire {wire.id}: {error.strerror or error}"
        asleep = links.not_running({interface(name) for name in made}, _PATIENCE)
        for name, made_from in made.items():
            if interface(name) in asleep:
                failed[name] = f"cannot make the wire {name}: its interface does not come up"
            else:
                self._write(self._ready(name), made_from)
        return Standing(wires=tuple(sorted(wanted.wires.keys() - failed.keys())), failed=failed)

    def listening(self, wire: str) -> tuple[int, ...]:
        """TCP ports on which something listens inside a wire that is whole, ascending; none where there is no such wire."""
        if self._made_from(wire) is None:
            return ()
        with namespaces.entered(self._pins / wire, self._home):
            return tuple(sorted(namespaces.listening()))

    def _set_guard(self, ports: Ports, wires: Collection[Wire]) -> None:
        table = guard(ports, wires, noted=self._noted)
        digest = _digest(table)
        if digest != self._guard:
            try:
                nft.replace(table)
            except Refused as error:
                if not self._noted or error.errno not in _NO_SUCH_EXPRESSION:
                    raise
                self._noted = False
                print(f"datagrams leave no record: {error.strerror}", file=sys.stderr, flush=True)
                nft.replace(guard(ports, wires, noted=False))
            self._write(self._pins / ".guard", digest)
            self._guard = digest

    def _pinned(self) -> set[str]:
        names = {path.name for path in self._pins.iterdir() if not path.name.startswith(".")}
        return {name.removesuffix(READY) for name in names}

    def _make(self, wire: Wire, ports: Ports, linked: bool) -> str | None:
        """Make or mend one; what it was made from, or None when nothing was to be done."""
        pin, table = self._pins / wire.id, wiring(wire, ports)
        made_from = {"address": wire.address, "gateway": ports.gateway, "rules": _digest(table)}
        present = self._made_from(wire.id)
        if linked and present == made_from:
            return None
        kept = present is not None and {**present, "rules": ""} == {**made_from, "rules": ""}
        if kept and linked:
            with namespaces.entered(pin, self._home):
                nft.replace(table)
            return json.dumps(made_from)
        if kept:
            self._ready(wire.id).unlink()
        else:
            self._clear(wire.id)
        with namespaces.entered(pin, self._home) if kept else namespaces.made(pin, self._home):
            namespaces.settings(_WIRE)
            namespaces.preferences(_TRACKING)
            nft.replace(table)
            run(ROUTE, [links.pair(_INNER, _INNER_INDEX, interface(wire.id), self._home, wire.address)])
        self._connect(wire, ports)
        with namespaces.entered(pin, self._home):
            self._start(wire, ports)
        return json.dumps(made_from)

    def _connect(self, wire: Wire, ports: Ports) -> None:
        """The ecosystem's end. It is the first one up: only the second end's carrier is there at once."""
        index = socket.if_nametoindex(interface(wire.id))
        inner = links.hardware(wire.address, 0)
        run(
            ROUTE,
            [
                links.up(index),
                links.neighbour(index, wire.address, inner),
                links.route(index, wire.address, ports.gateway),
            ],
        )

    def _start(self, wire: Wire, ports: Ports) -> None:
        """The instance's end, inside its namespace."""
        run(
            ROUTE,
            [
                links.up(links.LOOPBACK),
                links.address(_INNER_INDEX, wire.address),
                links.up(_INNER_INDEX),
                links.neighbour(_INNER_INDEX, ports.gateway, links.hardware(wire.address, 1)),
                links.default_route(_INNER_INDEX, ports.gateway),
            ],
        )

    def _clear(self, wire: str) -> None:
        """Whatever there is of it, whole or half-made."""
        self._ready(wire).unlink(missing_ok=True)
        run(ROUTE, [links.delete(interface(wire))])
        namespaces.unpin(self._pins / wire)

    def _ready(self, wire: str) -> Path:
        return self._pins / f"{wire}{READY}"

    def _made_from(self, wire: str) -> dict[str, str] | None:
        """What a whole wire was made from; None for one that is not whole."""
        try:
            content = json.loads(self._ready(wire).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return content if isinstance(content, dict) and namespaces.is_pinned(self._pins / wire) else None

    def _write(self, path: Path, content: str) -> None:
        """Whole or not at all; the temporary name starts with a dot, as no wire's does."""
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(content)
        temporary.replace(path)
