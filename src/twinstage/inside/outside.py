"""The way out of both ecosystems: carries what they declare as `outside` to that host and port, and nothing else anywhere.

    python -m twinstage.inside.outside --told /outside --state /outside/log/state.json --sockets /sockets

Runs in the core, where the machine's network is. ``production.json`` and ``staging.json`` say ``{"<door>": "host:port"}``; each
door is a Unix socket ``<sockets>/<ecosystem>/<door>.sock`` that this ecosystem's Envoy alone can reach. A connection there is
carried to its host byte by byte, so TLS stays between the program and that host. Names are looked up by the machine, anew for
each connection. What leads to this machine itself (loopback, link-local, an address of its own) is refused whatever name it
hides behind: the frontends of production are there, and what the machine does for itself. TWINSTAGE_OUTSIDE_HERE lists the
names, separated by commas, that do stand at an address of this machine; its loopback none of them may be.

It may die at any moment and start again: connections end, doors come back. ``state.json`` holds, for each name whose last
connection could not be carried, when and why: ``{"staging": {"host:port": {"at": ..., "trouble": words}}}``.
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from twinstage.inside.forward import join
from twinstage.inside.machine import is_machine
from twinstage.inside.modes import for_the_group
from twinstage.inside.upstream import Unreachable, Upstream
from twinstage.inside.watch import Watch

HERE = "TWINSTAGE_OUTSIDE_HERE"
PLACES = ("production", "staging")
MOST = 2000
"""Connections at once over all doors of one ecosystem; more are closed at once. Staging takes none of production's places."""
PATIENCE = 10.0
"""Seconds to find and reach a host."""
REACHING = 8
"""How many connections of one door may be looking for their host at once: a name whose look-up hangs leaves room to others."""
_LOOKUPS = 64
_BACKLOG = 512

Doors = Mapping[tuple[str, str], tuple[str, int]]
"""(ecosystem, door) -> (host, port)."""


class Unreadable(Exception):
    """What the controller told cannot be used; the doors stay as they are."""


def read(told: Path) -> Doors:
    """Of both ecosystems; one without a file has none. Raises Unreadable."""
    doors: dict[tuple[str, str], tuple[str, int]] = {}
    for place in PLACES:
        path = told / f"{place}.json"
        try:
            for door, there in json.loads(path.read_text()).items():
                host, _, port = str(there).rpartition(":")
                if not str(door).isalnum() or not host or not 0 < int(port) < 65536:
                    raise ValueError(f"{door!r} cannot lead to {there!r}")
                doors[place, str(door)] = host, int(port)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise Unreadable(f"cannot use {path}: {error}") from error
    return doors


@dataclass(kw_only=True)
class Passage:
    """All doors, and what became of the last connection of each name."""

    told: Path
    state: Path
    sockets: Path
    upstream: Upstream
    now: Callable[[], datetime]
    most: int = MOST
    doors: Doors = field(default_factory=dict)
    _servers: dict[tuple[str, str], asyncio.Server] = field(default_factory=dict)
    _reaching: dict[tuple[str, str], asyncio.Semaphore] = field(default_factory=dict)
    _trouble: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _open: Counter[str] = field(default_factory=Counter)
    """By ecosystem."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> None:
        """Open the doors that are wanted, close those that are not. A door that cannot be opened is told of, the others open."""
        async with self._turn:
            try:
                wanted = read(self.told)
            except Unreadable as error:
                _log(str(error))
                return
            for gone in [key for key in self._servers if self.doors.get(key) != wanted.get(key)]:
                self._servers.pop(gone).close()
                self._reaching.pop(gone)
                self._socket(gone).unlink(missing_ok=True)
            self.doors = wanted
            for key in [key for key in wanted if key not in self._servers]:
                try:
                    await self._open_door(key)
                except OSError as error:
                    _log(f"cannot open the door to {_named(wanted[key])} for {key[0]}: {error}")
            shown = {(place, _named(there)) for (place, _), there in wanted.items()}
            if gone_too := [key for key in self._trouble if key not in shown]:
                for name in gone_too:
                    del self._trouble[name]
                self.tell()

    async def _open_door(self, key: tuple[str, str]) -> None:
        path = self._socket(key)
        path.unlink(missing_ok=True)
        with for_the_group():
            self._servers[key] = await asyncio.start_unix_server(partial(self.carry, key), path, backlog=_BACKLOG)
        self._reaching[key] = asyncio.Semaphore(REACHING)

    def _socket(self, key: tuple[str, str]) -> Path:
        return self.sockets / key[0] / f"{key[1]}.sock"

    async def carry(self, key: tuple[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until both sides are done with it."""
        there, turns = self.doors.get(key), self._reaching.get(key)
        if there is None or turns is None or self._open[key[0]] >= self.most:
            writer.transport.abort()
            return
        name = (key[0], _named(there))
        self._open[key[0]] += 1
        try:
            async with turns:
                far = await self.upstream.connect(*there)
        except Unreachable as trouble:
            self._failed(name, str(trouble))
            writer.transport.abort()
        else:
            self._reached(name)
            far[1].get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await join((reader, writer), far)
        finally:
            self._open[key[0]] -= 1

    def _failed(self, name: tuple[str, str], words: str) -> None:
        known = self._trouble.get(name)
        if known is None or known["trouble"] != words:  # once, however often it is tried
            _log(f"{name[0]}: {words}")
            self._trouble[name] = {"at": self.now().isoformat(), "trouble": words}
            self.tell()

    def _reached(self, name: tuple[str, str]) -> None:
        if self._trouble.pop(name, None) is not None:
            _log(f"{name[0]}: {name[1]} is reached again")
            self.tell()

    def tell(self) -> None:
        """Write what is known, for people."""
        content: dict[str, dict[str, dict[str, str]]] = {}
        for (place, name), words in sorted(self._trouble.items()):
            content.setdefault(place, {})[name] = words
        part = self.state.with_suffix(".part")
        try:
            part.write_text(json.dumps(content))
            part.replace(self.state)
        except OSError as error:  # a full disk: connections matter more
            _log(f"cannot write {self.state}: {error}")

    def close(self) -> None:
        for key, server in self._servers.items():
            server.close()
            self._socket(key).unlink(missing_ok=True)


def _named(there: tuple[str, int]) -> str:
    return f"{there[0]}:{there[1]}"


async def run(told: Path, state: Path, sockets: Path, environment: Mapping[str, str], most: int) -> None:
    """Until SIGTERM or SIGINT."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.set_default_executor(ThreadPoolExecutor(_LOOKUPS, "lookup"))
    here = [host.strip().lower() for host in environment.get(HERE, "").split(",") if host.strip()]
    upstream = Upstream.of(environment, patience=PATIENCE, mine=is_machine, here=here)
    passage = Passage(
        told=told, state=state, sockets=sockets, upstream=upstream, now=lambda: datetime.now(UTC), most=most
    )
    passage.tell()
    for left in sockets.glob("*/*.sock"):  # of one that was killed
        left.unlink()
    changed = asyncio.Event()
    changed.set()
    with Watch([told]) as watch:

        def look() -> None:
            if any(path is None or path.suffix == ".json" for path in watch.changes()):
                changed.set()

        async def follow() -> None:
            while True:
                await changed.wait()
                changed.clear()
                await passage.look()

        loop.add_reader(watch.fileno(), look)
        following = asyncio.create_task(follow())
        _log(f"carrying{upstream.shown}")
        await asyncio.wait({following, asyncio.create_task(ended.wait())}, return_when=asyncio.FIRST_COMPLETED)
        loop.remove_reader(watch.fileno())
        passage.close()
        if following.done():
            following.result()  # raises: without what it follows it would carry what was declared once
        following.cancel()


def _room() -> int:
    """How many connections of each ecosystem there are descriptors for: two each, and some for everything else."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * len(PLACES) * MOST + 512
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(1, (limit - 512) // (2 * len(PLACES))) if limit > 512 else 64


def _log(line: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} outside: {line}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="twinstage.inside.outside", description="The way out of both ecosystems.")
    parser.add_argument("--told", type=Path, required=True, help="folder that the controller writes into")
    parser.add_argument("--state", type=Path, required=True, help="file that is written")
    parser.add_argument("--sockets", type=Path, required=True, help="folder with production/ and staging/")
    arguments = parser.parse_args()
    try:
        asyncio.run(run(arguments.told, arguments.state, arguments.sockets, os.environ, _room()))
    except (OSError, ValueError) as trouble:
        print(f"cannot carry anything outside: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
