"""What a stray connection meets: an answer that says what it wanted, why it is refused and what to write instead.

The guard's redirect leaves two facts on the socket that no program can forge: the caller's address, which names its
instance and release, and where it was going (SO_ORIGINAL_DST).
"""

import asyncio
import json
import re
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from twinstage.inside import postgres
from twinstage.inside.door import reset
from twinstage.inside.names import Names
from twinstage.inside.report import Report
from twinstage.inside.targets import OUTSIDE, Target, World
from twinstage.inside.wires import Wire

_ORIGINAL_DESTINATION = 80
_SNIFF = 0.25
_LINGER = 0.5
_FIRST_BYTES = 4096
_LEFTOVER_BYTES = 1 << 16
_CONNECTIONS, _CONNECTIONS_PER_CALLER, _CONNECTIONS_IN_ANY_CASE = 256, 48, 4
"""Answered at once: in all, for each caller, and for each caller however many there are of others."""
_HTTP = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|TRACE|CONNECT|PROPFIND|REPORT|[A-Z]{3,12}) [^\r\n ]")
_HTTP_START = re.compile(rb"[A-Z]{1,12}( .?)?")
_HTTP2 = b"PRI * HTTP/2"
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


class Strays:
    """Takes redirected connections: `meet` those to anywhere, `converse` those to a port 53."""

    def __init__(self, world: Callable[[], World], report: Report, names: Names) -> None:
        self._world = world
        self._report = report
        self._names = names
        self._open: Counter[str] = Counter()
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> int:
        """Connections being answered now."""
        return self._open.total()

    def meet(self, connection: socket.socket, address: str) -> None:
        """Answer one stray connection and record it."""
        self._bounded(connection, address, self._refuse)

    def converse(self, connection: socket.socket, address: str) -> None:
        """One connection to a port 53: DNS, or a stray in disguise."""
        self._bounded(connection, address, self._answer_names)

    def _bounded(self, connection: socket.socket, address: str, handle: "_Handler") -> None:
        """Beyond the limits a connection is still attributed, and closed at once."""
        try:
            to = _going_to(connection)
        except OSError:  # reset before it was looked at: it asked for nothing any more
            connection.close()
            return
        caller = self._world().callers.get(address)
        mine = self._open[address]
        full = mine >= _CONNECTIONS_PER_CALLER or (mine >= _CONNECTIONS_IN_ANY_CASE and self.open >= _CONNECTIONS)
        if caller is None or full:
            if caller is not None:
                self._report.add(caller, self._world().connection(caller, *to), "closed")
            reset(connection)
            return
        self._open[address] += 1
        talk = asyncio.get_running_loop().create_task(self._talk(connection, handle, caller, to))
        self._talks.add(talk)  # the loop itself holds tasks weakly
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, connection: socket.socket, handle: "_Handler", caller: Wire, to: tuple[str, int]) -> None:
        writer = None
        try:
            reader, writer = await asyncio.open_connection(sock=connection)
            await handle(reader, writer, caller, to)
        except OSError as error:
            print(f"a stray connection got no answer: {error}", file=sys.stderr, flush=True)
        finally:
            self._open[caller.address] -= 1
            if not self._open[caller.address]:
                del self._open[caller.address]
            (writer or connection).close()

    async def _refuse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caller: Wire, to: tuple[str, int]
    ) -> None:
        first = await _first_bytes(reader)
        world = self._world()
        target = _named(world.connection(caller, *to), first)
        http = _HTTP.match(first) is not None and not first.startswith(_HTTP2)
        self._report.add(caller, target, "403" if http else "closed")
        answer = _problem(world, caller, target, first) if http else b""
        if postgres.begins(first):
            await postgres.heard(first, reader, writer)
            answer = postgres.refusal(_sentence(world, caller, target), f"{target.advice}.")
        await _say(reader, writer, answer)

    async def _answer_names(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caller: Wire, to: tuple[str, int]
    ) -> None:
        if not await self._names.converse(reader, writer, caller.address):
            self._report.add(caller, self._world().connection(caller, *to), "closed")
        await _say(reader, writer, b"")


_Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Wire, tuple[str, int]], Coroutine[Any, Any, None]]


def _going_to(connection: socket.socket) -> tuple[str, int]:
    """Where the connection was going before the guard turned it here."""
    raw = connection.getsockopt(socket.SOL_IP, _ORIGINAL_DESTINATION, 16)
    port, packed = struct.unpack_from("!2xH4s", raw)
    return socket.inet_ntoa(packed), port


async def _first_bytes(reader: asyncio.StreamReader) -> bytes:
    """What comes first, until it is clear whether it is HTTP. Empty for a caller that waits for the other side to speak."""
    first = b""
    try:
        async with asyncio.timeout(_SNIFF):
            while not first or (_HTTP_START.fullmatch(first) and not _HTTP.match(first)):
                more = await reader.read(_FIRST_BYTES)
                if not more:
                    break
                first += more
    except (TimeoutError, ConnectionError):
        return first
    return first


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
    """Answer and close. Closing with bytes unread would reset the connection and take the answer with it."""
    try:
        async with asyncio.timeout(_LINGER):
            writer.write(answer)
            await writer.drain()
            writer.write_eof()
            left = _LEFTOVER_BYTES
            while left > 0 and (more := await reader.read(_FIRST_BYTES)):
                left -= len(more)
    except (TimeoutError, OSError):
        writer.transport.abort()


def _sentence(world: World, caller: Wire, target: Target) -> str:
    here = world.ports.ecosystem
    return f"{caller.service} ({caller.release}) in {here} called {target.target}, which does not exist for it."


def _problem(world: World, caller: Wire, target: Target, first: bytes) -> bytes:
    """An HTTP answer with a problem document (RFC 9457)."""
    here = world.ports.ecosystem
    detail = _sentence(world, caller, target)
    body = json.dumps(
        {
            "type": "about:blank",
            "title": f"Not reachable from {here}: {target.target}",
            "status": 403,
            "detail": f"{detail} What to do: {target.advice}.",
            "kind": target.kind,
            "target": target.target,
            "advice": target.advice,
        },
        indent=2,
    ).encode()
    head = (
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if first.startswith(b"HEAD ") else body)


def _named(target: Target, first: bytes) -> Target:
    """With the host that the caller's first bytes name, where it was going outside."""
    host = _server_name(first) or _host_header(first)
    if target.kind != OUTSIDE or host is None:
        return target
    return Target(kind=target.kind, target=f"{target.target} ({host})", advice=target.advice)


def _host_header(first: bytes) -> str | None:
    found = re.search(rb"\r\nhost:[ \t]*([^\r\n:]{1,253})", first, re.IGNORECASE)
    return _a_host(found.group(1)) if found else None


def _server_name(first: bytes) -> str | None:
    """The name in a TLS ClientHello (RFC 6066); None when there is none, or it is not whole in the first bytes."""
    if first[:1] != b"\x16" or first[5:6] != b"\x01":
        return None
    try:
        at = 43  # record header 5, handshake header 4, version 2, random 32
        at += 1 + first[at]
        at += 2 + int.from_bytes(first[at : at + 2])
        at += 1 + first[at] + 2
        while at + 4 <= len(first):
            kind, length = struct.unpack_from("!HH", first, at)
            if kind == 0:
                (size,) = struct.unpack_from("!H", first, at + 7)
                return _a_host(first[at + 9 : at + 9 + size])
            at += 4 + length
    except (IndexError, struct.error):
        return None
    return None


def _a_host(raw: bytes) -> str | None:
    """Only what looks like a name goes into the record: the bytes are the caller's."""
    text = raw.decode("ascii", "replace").strip().lower()
    return text if len(text) <= 253 and _HOST.fullmatch(text) and not text.replace(".", "").isdigit() else None
