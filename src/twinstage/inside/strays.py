"""What a stray connection meets: an answer that says what it wanted, why it is refused and what to write instead.

The guard's redirect leaves two facts on the socket that no program can forge: the caller's address, which names its
instance and release, and where it was going (SO_ORIGINAL_DST).
"""

import asyncio
import json
import re
import socket
import struct
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from twinstage.inside.names import Names
from twinstage.inside.report import Report
from twinstage.inside.targets import OUTSIDE, Target, World
from twinstage.inside.wires import Wire

_ORIGINAL_DESTINATION = 80
_SNIFF = 0.25
_LINGER = 0.5
_FIRST_BYTES = 4096
_LEFTOVER_BYTES = 1 << 16
_CONNECTIONS, _CONNECTIONS_PER_CALLER = 256, 48
_HTTP = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|TRACE|CONNECT|PROPFIND|REPORT|[A-Z]{3,12}) [^\r\n ]")
_HTTP_START = re.compile(rb"[A-Z]{1,12}( .?)?")
_HTTP2 = b"PRI * HTTP/2"
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


class Strays:
    """Handles redirected connections: `meet` for those to anywhere, `converse` for those to a port 53."""

    def __init__(self, world: Callable[[], World], report: Report, names: Names) -> None:
        self._world = world
        self._report = report
        self._names = names
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """Connections being answered now."""
        return self._open.total()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one stray connection and record it."""
        await self._bounded(reader, writer, self._refuse)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to a port 53: DNS, or a stray in disguise."""
        await self._bounded(reader, writer, self._answer_names)

    async def _bounded(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: "_Handler") -> None:
        """Beyond the limits a connection is still attributed, and closed at once."""
        try:
            address, (host, port) = writer.get_extra_info("peername")[0], _going_to(writer)
        except (OSError, TypeError):  # reset before it was looked at: it asked for nothing any more
            writer.transport.abort()
            return
        caller = self._world().callers.get(address)
        full = self._open.total() >= _CONNECTIONS or self._open[address] >= _CONNECTIONS_PER_CALLER
        self._open[address] += 1
        try:
            if caller is None or full:
                if caller is not None:
                    self._report.add(caller, self._world().connection(caller, host, port), "closed")
                writer.transport.abort()
            else:
                await handle(reader, writer, caller, (host, port))
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
            writer.close()

    async def _refuse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caller: Wire, to: tuple[str, int]
    ) -> None:
        first = await _first_bytes(reader)
        world = self._world()
        target = _named(world.connection(caller, *to), first)
        http = _HTTP.match(first) is not None and not first.startswith(_HTTP2)
        self._report.add(caller, target, "403" if http else "closed")
        await _say(reader, writer, _problem(world, caller, target, first) if http else b"")

    async def _answer_names(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caller: Wire, to: tuple[str, int]
    ) -> None:
        if not await self._names.converse(reader, writer, caller.address):
            self._report.add(caller, self._world().connection(caller, *to), "closed")
        await _say(reader, writer, b"")


_To = tuple[str, int]
_Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Wire, tuple[str, int]], Coroutine[Any, Any, None]]


def _going_to(writer: asyncio.StreamWriter) -> tuple[str, int]:
    """Where the connection was going before the guard turned it here."""
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, _ORIGINAL_DESTINATION, 16)
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


def _problem(world: World, caller: Wire, target: Target, first: bytes) -> bytes:
    """An HTTP answer with a problem document (RFC 9457)."""
    here = world.ports.ecosystem
    detail = f"{caller.service} ({caller.release}) in {here} called {target.target}, which does not exist for it."
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
