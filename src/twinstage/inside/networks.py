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
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from twinstage.inside import links, namespaces, nft
from twinstage.inside.netlink import ROUTE, Refused, run
from twinstage.inside.nft import Table
from twinstage.inside.walls import INNER, guard, wiring
from twinstage.inside.wires import OUTSIDE_RANGE, READY, Ports, Wanted, Wire

_PATIENCE = 5.0
"""Seconds for the kernel to notice that both ends of a wire are up; until then what is sent is lost."""
_INNER_INDEX = 2
_OUTER = re.compile(r"v[0-9a-f]{12}")
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
_TRACKING = {
    "netfilter/nf_conntrack_tcp_timeout_time_wait": "10",
    "netfilter/nf_conntrack_tcp_timeout_close": "2",
    "netfilter/nf_conntrack_udp_timeout": "5",
    "netfilter/nf_conntrack_udp_timeout_stream": "10",
}
"""An ended connection is remembered for 2 minutes by default, a question for half a one: a busy caller without keep-alive, or a
flood of strays, would fill the table that allowed calls need too."""


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


def _digest(table: Table) -> str:
    return hashlib.sha256(repr(table).encode()).hexdigest()


class Networks:
    """All networks of one ecosystem, pinned below ``pins``. Not for several threads at once."""

    def __init__(self, pins: Path) -> None:
        self._pins = pins
        self._guard: str | None = None
        self.noted = True
        """The kernel tells of what the guard drops, and bounds each caller by itself."""
        self._home = namespaces.here()

    def open_gateway(self, ports: Ports) -> None:
        """The gateway's address and settings: what listening on it takes. Raises OSError."""
        self._pins.mkdir(parents=True, exist_ok=True)
        namespaces.settings(_GATEWAY)
        namespaces.preferences(_TRACKING)
        addresses = [links.address(links.LOOPBACK, ports.gateway), links.everything_of(OUTSIDE_RANGE)]
        run(ROUTE, [links.up(links.LOOPBACK), *addresses])

    def close_guard(self, ports: Ports) -> None:
        """Let nothing in but strays, unless a guard stands already: a sentinel that starts anew takes nothing away."""
        if not (self._pins / ".guard").exists():
            self._set_guard(ports, ())

    def reconcile(self, wanted: Wanted) -> Standing:
        """Make it so. Trouble with one wire is told under its id; trouble with the guard is raised as OSError."""
        keep = wanted.wires.keys() | wanted.failed.keys()
        failed = dict(wanted.failed)
        there = namespaces.interfaces()
        gone = there - {interface(wire) for wire in keep}
        self._clear(self._pinned() - keep, {name for name in gone if _OUTER.fullmatch(name)})
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
        table = guard(ports, wires, noted=self.noted)
        digest = _digest(table)
        if digest != self._guard:
            try:
                nft.replace(table)
            except Refused as error:
                if not self.noted or error.errno not in _NO_SUCH_EXPRESSION:
                    raise
                self.noted = False
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
            self._clear({wire.id}, {interface(wire.id)} if linked else set())
        with namespaces.entered(pin, self._home) if kept else namespaces.made(pin, self._home):
            namespaces.settings(_WIRE)
            namespaces.preferences(_TRACKING)
            nft.replace(table, new=not kept)
            run(ROUTE, [links.pair(INNER, _INNER_INDEX, interface(wire.id), self._home, wire.address)])
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

    def _clear(self, wires: Collection[str], interfaces: Collection[str]) -> None:
        """Whatever there is of them, whole or half-made: first nobody may enter, then their ends here go, then they."""
        for wire in wires:
            self._ready(wire).unlink(missing_ok=True)
        if interfaces:
            run(ROUTE, links.delete(interfaces))
        for wire in wires:
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
