"""The sentinel of an ecosystem: makes its networks, and is what a stray call or name meets.

    python -m twinstage.inside.sentinel --desired /desired --state /state --socket /sockets/sentinel.sock

Runs inside the ecosystem's sandbox. One asyncio loop answers; one thread makes networks. Nothing that is allowed passes
through it: it may die and start again at any moment, and finds the networks as they are.

Over the socket, one JSON line each way:

* ``{"op": "sync"}`` -> ``{"ok": true, "wires": [ids], "failed": {id: words}}``
* ``{"op": "status"}`` -> what it knows, for people
* ``{"op": "listening", "wire": id}`` -> ``{"ok": true, "ports": [numbers]}``: where something listens inside that wire
* ``{"op": "health", "wire": id, "path": p}`` -> ``{"ok": true, "status": number or null}``: what ``GET p`` is answered there

Trouble is ``{"ok": false, "error": words}``.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from twinstage.inside import health
from twinstage.inside.door import Door
from twinstage.inside.dropped import Dropped
from twinstage.inside.missed import Alive, attempts
from twinstage.inside.modes import for_the_group
from twinstage.inside.names import Datagrams, Names
from twinstage.inside.networks import Networks, Standing
from twinstage.inside.report import Report
from twinstage.inside.strays import Strays
from twinstage.inside.targets import World
from twinstage.inside.walls import GUARD, NAMES_PORT, SENT, STRAYS_PORT, TRIED
from twinstage.inside.wires import EMPTY, Unreadable, Wire, read

_PINS = Path("/run/ns")
_REQUEST_BYTES = 1 << 14
_PATIENCE = 5.0
_FLUSH = 0.25
_REQUESTS = 16


@dataclass(kw_only=True)
class Sentinel:
    """What the parts share: the networks, and the world as last read."""

    desired: Path
    networks: Networks
    report: Report
    now: Callable[[], datetime]
    dropped: Dropped | None = None
    """What listens for the guard's notes."""
    alive: Alive = field(default_factory=lambda: Alive(_PINS / ".alive"))
    starts: int = 1
    """How often a sentinel was started here."""
    world: World = field(default_factory=World)
    wires: Mapping[str, Wire] = field(default_factory=dict)
    """As the last sync that succeeded read them."""
    standing: Standing = field(default_factory=lambda: Standing(wires=(), failed={}))
    synced: datetime | None = None
    trouble: str = "not synced yet"
    """Why the last sync failed as a whole; empty when it did not."""
    maker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "networks"))
    """One thread: namespaces are entered by threads, and two syncs at once would undo each other's work."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    requests: int = 0

    async def in_order(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run it in the thread that makes networks."""
        return await asyncio.get_running_loop().run_in_executor(self.maker, work, *arguments)

    async def sync(self) -> dict[str, Any]:
        """Read what is wanted and make it so."""
        async with self.turn:
            try:
                wanted = (await self.in_order(read, self.desired)).remembering(self.wires)
                coming = {wire.address: wire for wire in wanted.wires.values()}
                self.world = World(ports=wanted.ports, callers={**self.world.callers, **coming})  # those that go, too
                if self.synced is None:  # now it knows who calls, and the guard that remembers them still stands
                    await self._catch_up()
                self.standing = await self.in_order(self.networks.reconcile, wanted)
                self.world, self.wires = World(ports=wanted.ports, callers=coming), wanted.wires
            except (Unreadable, OSError) as error:
                self.trouble = str(error)
                print(f"cannot sync: {error}", file=sys.stderr, flush=True)
                return {"ok": False, "error": self.trouble}
            self.report.keep(self.wires.keys())
            self.trouble, self.synced = "", self.now()
            for wire, words in self.standing.failed.items():
                print(f"wire {wire}: {words}", file=sys.stderr, flush=True)
            return {"ok": True, "wires": list(self.standing.wires), "failed": dict(self.standing.failed)}

    async def _catch_up(self) -> None:
        """Write down what was tried while nobody was there to."""
        away = self.alive.ago()
        for name, datagrams in ((TRIED, False), (SENT, True)):
            try:
                missed = await self.in_order(attempts, GUARD, name)
            except OSError as error:  # the networks matter more
                print(f"what was tried while no sentinel listened is not known: {error}", file=sys.stderr, flush=True)
                continue
            for it in missed:
                caller = self.world.callers.get(it.source)
                if caller is not None and it.age < away:
                    target = self.world.connection(caller, it.address, it.port, datagram=datagrams)
                    self.report.add(caller, target, "dropped" if datagrams else "closed")

    def status(self) -> dict[str, Any]:
        return {
            "ok": True,
            "pid": os.getpid(),
            "ecosystem": self.world.ports.ecosystem,
            "gateway": self.world.ports.gateway,
            "synced": self.synced.isoformat() if self.synced else None,
            "trouble": self.trouble,
            "wires": list(self.standing.wires),
            "failed": dict(self.standing.failed),
            "crossings": self.report.counts.total(),
            "answers": [[kind, answered, count] for (kind, answered), count in sorted(self.report.counts.items())],
            "unread": self.report.unread,
            "starts": self.starts,
            "noted": self.networks.noted and self.dropped is not None and self.dropped.heard,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on the Unix socket, and its answer."""
        self.requests += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                request = await reader.readline()
            busy = self.requests > _REQUESTS
            answer = {"ok": False, "error": "too many requests at once"} if busy else await self._answer(request)
            async with asyncio.timeout(_PATIENCE):
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError) as error:
            print(f"a request got no answer: {error or 'it took too long'}", file=sys.stderr, flush=True)
        finally:
            self.requests -= 1
            writer.close()

    async def _answer(self, request: bytes) -> dict[str, Any]:
        try:
            content = json.loads(request)
        except (ValueError, RecursionError) as error:
            return {"ok": False, "error": f"cannot read the request: {error}"}
        operation = content.get("op") if isinstance(content, dict) else None
        if operation == "sync":
            return await self.sync()
        if operation == "status":
            return self.status()
        if operation == "listening":
            return await self._listening(str(content.get("wire")))
        if operation == "health":
            return await self._health(str(content.get("wire")), str(content.get("path")))
        return {"ok": False, "error": f"cannot do {operation!r}: send sync, status, listening or health"}

    async def _listening(self, wire: str) -> dict[str, Any]:
        if wire not in self.wires:
            return {"ok": False, "error": f"cannot look into the wire {wire!r}: there is none"}
        try:
            return {"ok": True, "ports": list(await self.in_order(self.networks.listening, wire))}
        except OSError as error:
            return {"ok": False, "error": f"cannot look into the wire {wire}: {error}"}

    async def _health(self, id: str, path: str) -> dict[str, Any]:
        wire = self.wires.get(id)
        if wire is None or wire.backend is None:
            return {"ok": False, "error": f"cannot ask {id!r}: there is no such instance"}
        if not path.startswith("/") or not path.isprintable() or " " in path:
            return {"ok": False, "error": f"cannot ask for {path!r}: it is no path"}
        return {"ok": True, "status": await health.status(wire.address, wire.backend, path)}


async def _listen(sentinel: Sentinel, socket_path: Path) -> list[asyncio.AbstractServer | Door | Datagrams]:
    """Every door, the request socket last: who can ask finds everything there."""
    names = Names(lambda: sentinel.world, sentinel.report)
    strays = Strays(lambda: sentinel.world, sentinel.report, names)
    gateway = EMPTY.gateway
    loop = asyncio.get_running_loop()
    doors: list[asyncio.AbstractServer | Door | Datagrams] = [
        Datagrams(loop, gateway, NAMES_PORT, names),
        Door(loop, gateway, STRAYS_PORT, strays.meet),
        Door(loop, gateway, NAMES_PORT, strays.converse),
    ]
    await sentinel.in_order(sentinel.networks.close_guard, EMPTY)
    socket_path.unlink(missing_ok=True)
    with for_the_group():
        doors.append(await asyncio.start_unix_server(sentinel.serve, socket_path, limit=_REQUEST_BYTES))
    return doors


async def _flush(sentinel: Sentinel) -> None:
    while True:
        await asyncio.sleep(_FLUSH)
        sentinel.report.flush()
        if sentinel.synced is not None:
            sentinel.alive.now()


def _starts(pins: Path) -> int:
    """One more than before; forgotten with the ecosystem, as the pins are."""
    path = pins / ".starts"
    path.parent.mkdir(parents=True, exist_ok=True)
    number = int(path.read_text()) + 1 if path.exists() else 1
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(str(number))
    temporary.replace(path)
    return number


async def run(desired: Path, state: Path, socket_path: Path) -> None:
    """Until SIGTERM or SIGINT. The networks stay."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def now() -> datetime:
        return datetime.now(UTC)

    report = Report(path=state / "crossings.jsonl", now=now, clock=monotonic)
    sentinel = Sentinel(desired=desired, networks=Networks(_PINS), report=report, now=now, starts=_starts(_PINS))
    await sentinel.in_order(sentinel.networks.open_gateway, EMPTY)
    sentinel.dropped = dropped = Dropped(lambda: sentinel.world, report)
    dropped.listen(loop)
    doors = await _listen(sentinel, socket_path)
    flushing = asyncio.create_task(_flush(sentinel))
    try:
        await sentinel.sync()
        await stop.wait()
    finally:
        flushing.cancel()
        for door in doors:
            door.close()
        dropped.close(loop)
        socket_path.unlink(missing_ok=True)
        sentinel.maker.shutdown(wait=True)
        report.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="twinstage.inside.sentinel", description=__doc__)
    parser.add_argument("--desired", type=Path, required=True, help="folder with ports.json and wires/")
    parser.add_argument("--state", type=Path, required=True, help="folder for crossings.jsonl")
    parser.add_argument("--socket", type=Path, required=True, help="path of the request socket")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.desired, arguments.state, arguments.socket))


if __name__ == "__main__":
    main()
