"""The package proxy: ``python -m twinstage.inside.packages --socket PATH --allow HOST[:PORT],...``.

An HTTP proxy on a Unix socket (mode 0660), the one way by which builds reach anything: CONNECT to the allowed hosts,
and GET in clear to an index that is configured without TLS. Everything else gets a 403 that says so, and a line in the
log. Where the machine itself sits behind a proxy (HTTPS_PROXY, NO_PROXY), that one is asked in turn, always by CONNECT.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from twinstage.inside.forward import Side, join
from twinstage.inside.indexes import Entry, allowed_hosts
from twinstage.inside.modes import for_the_group
from twinstage.inside.upstream import Unreachable, Upstream

__all__ = ["allowed_hosts", "main", "serve"]

MOST = 256
"""Connections at once over all builds; more get a 503."""

HEADERS = 64 * 1024
"""Bytes of one request's head."""

PATIENCE = 15.0
"""Seconds for a client to say what it wants."""

LONGEST = 1800.0
"""Seconds that one connection may last."""


class Refused(Exception):
    """Answered with this status and sentence."""

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Request:
    """The head of a request to a proxy; ``headers`` as they came, without the first line."""

    method: str
    target: str
    headers: tuple[str, ...]


class Proxy:
    """Serves one connection after the other; holds nothing but their number."""

    def __init__(self, allowed: Sequence[Entry], upstream: Upstream) -> None:
        self._allowed = frozenset(allowed)
        self._upstream = upstream
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a build, from its request to its end."""
        self._open += 1
        try:
            async with asyncio.timeout(LONGEST):
                await self._answer((reader, writer))
        except Refused as refused:
            await _refuse(writer, refused)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as trouble:
            _log(f"broken off: {trouble!r}")
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, client: Side) -> None:
        if self._open > MOST:
            raise Refused("503 Service Unavailable", f"more than {MOST} connections to package indexes at once")
        request = await _read(client[0])
        if request.method == "CONNECT":
            entry = self._admit(request.target, request.target, plain=False)
            there = await self._reach(entry)
            client[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            there = await self._ask(request)
        await join(client, there)

    async def _ask(self, request: Request) -> Side:
        """A request in clear, sent on with the connection to be closed after its one answer."""
        if request.method not in ("GET", "HEAD") or not request.target.lower().startswith("http://"):
            raise Refused(
                "403 Forbidden", f"cannot {request.method[:20]} here: builds fetch packages by CONNECT or GET"
            )
        authority, slash, path = request.target[len("http://") :].partition("/")
        entry = self._admit(f"http://{authority}", authority, plain=True)
        there = await self._reach(entry)
        head = [f"{request.method} {slash or '/'}{path} HTTP/1.1"]
        head += [line for line in request.headers if not _ours(line)]
        head += ["Connection: close", "", ""]
        there[1].write("\r\n".join(head).encode("latin-1"))
        await there[1].drain()
        return there

    def _admit(self, text: str, shown: str, *, plain: bool) -> Entry:
        try:
            entry = Entry.parse(text)
        except ValueError:
            entry = None
        if entry in self._allowed:
            return entry
        allowed = ", ".join(str(one) for one in sorted(self._allowed))
        _log(f"refused {shown[:200]!r}")
        wanted = f"{entry.host}:{entry.port}" if entry else repr(shown[:200])
        how = " in clear" if plain else ""
        raise Refused(
            "403 Forbidden",
            f"builds do not reach {wanted}{how}: it is not a package index of this machine ({allowed})."
            " Configure the index where Twinstage is started (UV_DEFAULT_INDEX, PIP_INDEX_URL or pip.conf),"
            " or keep what the build needs in the repository.",
        )

    async def _reach(self, entry: Entry) -> Side:
        try:
            return await self._upstream.connect(entry.host, entry.port)
        except Unreachable as trouble:
            _log(str(trouble))
            raise Refused("502 Bad Gateway", str(trouble)) from trouble


async def serve(socket: Path, allowed: Sequence[Entry], environment: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when the socket cannot be made."""
    if socket.is_socket():
        socket.unlink()
    upstream = Upstream.of(environment, own=[entry.host for entry in allowed])
    with for_the_group():
        server = await asyncio.start_unix_server(Proxy(allowed, upstream).serve, socket, limit=HEADERS)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    _log(f"serving {', '.join(map(str, allowed))}{upstream.shown}")
    await ended.wait()
    server.close()
    socket.unlink(missing_ok=True)


async def _read(reader: asyncio.StreamReader) -> Request:
    try:
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refused("431 Request Header Fields Too Large", f"a request's head ends within {HEADERS} bytes") from None
    except TimeoutError:
        raise Refused("408 Request Timeout", f"no request within {PATIENCE:g} s") from None
    first, *headers = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise Refused("400 Bad Request", "that is no request to an HTTP proxy")
    return Request(method=parts[0], target=parts[1], headers=tuple(headers))


def _ours(line: str) -> bool:
    """Headers that are for this hop alone."""
    name = line.partition(":")[0].strip().lower()
    return name in ("connection", "keep-alive", "te", "upgrade") or name.startswith("proxy-")


async def _refuse(writer: asyncio.StreamWriter, refused: Refused) -> None:
    body = f"twinstage: {refused}\n".encode()
    head = [
        f"HTTP/1.1 {refused.status}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    try:
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()
    except OSError as gone:
        _log(f"gone before it was answered: {gone!r}")


def _log(line: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} packages: {line}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="twinstage.inside.packages", description="The package proxy of builds.")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--allow", default="", help="HOST[:PORT] or http://HOST[:PORT], separated by commas")
    told = parser.parse_args()
    try:
        allowed = [Entry.parse(text) for text in told.allow.split(",") if text]
        asyncio.run(serve(told.socket, allowed, os.environ))
    except (OSError, ValueError) as trouble:
        print(f"cannot serve packages on {told.socket}: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
