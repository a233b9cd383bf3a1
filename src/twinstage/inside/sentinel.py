"""The sentinel of an ecosystem: makes its networks, and is what a stray call or name meets.

    python -m twinstage.inside.sentinel --desired /desired --state /state --socket /sockets/sentinel.sock

Runs inside the ecosystem's sandbox. One asyncio loop answers; one thread makes networks. Nothing that is allowed passes
through it: it may die and start again at any moment, and finds the networks as they are.

Over the socket, one JSON line each way:

* ``{"op": "sync"}`` -> ``{"ok": true, "wires": [ids], "failed": {id: words}}``
* ``{"op": "status"}`` -> what it knows, for people
* ``{"op": "listening", "wire": id}`` -> ``{"ok": true, "ports": [numbers]}``: where something listens inside that wire

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

from twinstage.inside.dropped import Dropped
from twinstage.inside.names import Datagrams, Names
from twinstage.inside.networks import NAMES_PORT, STRAYS_PORT, Networks, Standing
from twinstage.inside.report import Report
from twinstage.inside.strays import Strays
from twinstage.inside.targets import World
from twinstage.inside.wires import EMPTY, Unreadable, Wire, read

_PINS = Path("/run/ns")
_REQUEST_BYTES = 1 << 14
_PATIENCE = 5.0
_FLUSH = 0.25
_BACKLOG = 512
_REQUESTS = 16


@dataclass(kw_only=True)
class Sentinel:
    """What the parts share: the networks, and the world as last read."""

    desired: Path
    networks: Networks
    report: Report
    now: Callable[[], datetime]
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
                self.standing = await self.in_order(self.networks.reconcile, wanted)
                self.world, self.wires = World(ports=wanted.ports, callers=coming), wanted.wires
            except (Unreadable, OSError) as error:
                self.trouble = str(error)
                print(f"cannot sync: {error}", file=sys.stderr, flush=True)
                return {"ok": False, "error": self.trouble}
            self.trouble, self.synced = "", self.now()
            for wire, words in self.standing.failed.items():
                print(f"wire {wire}: {words}", file=sys.stderr, flush=True)
            return {"ok": True, "wires": list(self.standing.wires), "failed": dict(self.standing.failed)}

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
            "crossings": self.report.total,
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
        return {"ok": False, "error": f"cannot do {operation!r}: send sync, status or listening"}

    async def _listening(self, wire: str) -> dict[str, Any]:
        if wire not in self.wires:
            return {"ok": False, "error": f"cannot look into the wire {wire!r}: there is none"}
        try:
            return {"ok": True, "ports": list(await self.in_order(self.networks.listening, wire))}
        except OSError as error:
            return {"ok": False, "error": f"cannot look into the wire {wire}: {error}"}


async def _listen(sentinel: Sentinel, socket_path: Path) -> list[asyncio.AbstractServer]:
    """Every door, the request socket last: who can ask finds everything there."""
    names = Names(lambda: sentinel.world, sentinel.report)
    strays = Strays(lambda: sentinel.world, sentinel.report, names)
    gateway = EMPTY.gateway
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Datagrams(names), local_addr=(gateway, NAMES_PORT))
    doors: list[asyncio.AbstractServer] = [
        await asyncio.start_server(strays.meet, gateway, STRAYS_PORT, backlog=_BACKLOG),
        await asyncio.start_server(strays.converse, gateway, NAMES_PORT, backlog=_BACKLOG),
    ]
    await sentinel.in_order(sentinel.networks.close_guard, EMPTY)
    socket_path.unlink(missing_ok=True)
    mask = os.umask(0o117)
    try:
        doors.append(await asyncio.start_unix_server(sentinel.serve, socket_path, limit=_REQUEST_BYTES))
    finally:
        os.umask(mask)
    return doors


async def _flush(report: Report) -> None:
    while True:
        await asyncio.sleep(_FLUSH)
        report.flush()


async def run(desired: Path, state: Path, socket_path: Path) -> None:
    """Until SIGTERM or SIGINT. The networks stay."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def now() -> datetime:
        return datetime.now(UTC)

    report = Report(path=state / "crossings.jsonl", now=now, clock=monotonic)
    sentinel = Sentinel(desired=desired, networks=Networks(_PINS), report=report, now=now)
    await sentinel.in_order(sentinel.networks.open_gateway, EMPTY)
    dropped = Dropped(lambda: sentinel.world, report)
    dropped.listen(loop)
    doors = await _listen(sentinel, socket_path)
    flushing = asyncio.create_task(_flush(report))
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
