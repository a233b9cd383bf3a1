"""A closed-loop HTTP/1.1 load generator and a tiny upstream, on the standard library alone, so that both run in any sandbox.

python load.py upstream ADDRESS PORT [RELEASE]   serves until it is ended; PORT 0 takes a free one; prints the port;
                                                 every answer names the release in ``x-release``
python load.py caller URL                        serves on HOST and PORT: GET /PATH?SECONDS,CONNECTIONS loads URL/PATH from where
                                                 it runs and answers one JSON object; anything else is a health check
"""

import asyncio
import json
import os
import select
import socket
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

BODY = b"x" * 256
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
WARM_UP = 0.2
"""Of the time asked for, not counted: connections are made and pools filled."""


class Line:
    """One keep-alive connection with one request under way at a time."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address, timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._request = request
        self._received = b""
        self._sent = 0.0

    def ask(self) -> None:
        self._received = b""
        self._sent = time.perf_counter()
        self.socket.send(self._request)

    def take(self) -> tuple[float, int] | None:
        """(seconds, status) once the answer is whole. Raises ConnectionError when the other side closed."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the connection was closed before the answer was whole")
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return None
        return time.perf_counter() - self._sent, int(head[9:12])


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.find(b"content-length:")
    if start < 0:
        raise ValueError("the answer has no content-length: this client reads no other kind")
    end = lowered.find(b"\r\n", start)
    return int(lowered[start + 15 : end if end > 0 else None])


def load(url: str, seconds: float, connections: int, headers: Mapping[str, str] | None = None) -> dict[str, float]:
    """requests a second, p50 and p99 in milliseconds, requests, errors; of the time after the warm-up."""
    parts = urlsplit(url)
    lines = [f"GET {parts.path or '/'} HTTP/1.1", f"host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    request = "\r\n".join([*lines, "", ""]).encode()
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    open_lines = {line.socket.fileno(): line for line in (Line(address, request) for _ in range(connections))}
    poll = select.epoll()
    for number, line in open_lines.items():
        poll.register(number, select.EPOLLIN)
        line.ask()
    taken: list[float] = []
    errors = 0
    begin = time.perf_counter()
    counted_from, end = begin + seconds * WARM_UP, begin + seconds
    while (now := time.perf_counter()) < end:
        for number, _ in poll.poll(0.1):
            answer = open_lines[number].take()
            if answer is None:
                continue
            if now >= counted_from:
                taken.append(answer[0])
                errors += answer[1] != 200
            open_lines[number].ask()
    poll.close()
    for line in open_lines.values():
        line.socket.close()
    return _summary(sorted(taken), errors, end - counted_from)


def _summary(taken: list[float], errors: int, seconds: float) -> dict[str, float]:
    if not taken:
        raise ValueError("no request was answered in the time that was counted")
    return {
        "rate": len(taken) / seconds,
        "p50": taken[len(taken) // 2] * 1000,
        "p99": taken[min(len(taken) - 1, int(len(taken) * 0.99))] * 1000,
        "requests": len(taken),
        "errors": errors,
    }


class Answering(asyncio.Protocol):
    """Answers each request head at once; bodies are not expected."""

    answer = ANSWER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        self._transport.write(self.answer * len(heads))


async def serve(address: str, port: int, release: str) -> None:
    if release:
        Answering.answer = ANSWER.replace(b"\r\n\r\n", f"\r\nx-release: {release}\r\n\r\n".encode())
    server = await asyncio.get_running_loop().create_server(Answering, address, port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Calling(BaseHTTPRequestHandler):
    """Loads another service when it is asked to."""

    protocol_version = "HTTP/1.1"
    url = ""

    def do_GET(self) -> None:
        path, _, hard = self.path.partition("?")
        seconds, _, connections = hard.partition(",")
        found = load(self.url + path, float(seconds), int(connections)) if connections else {}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The health checks of a minute are nobody's interest."""


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["upstream"] and len(arguments) in (1, 3, 4):
        # As a service of the ecosystem it is started without arguments and told where to listen.
        address, port, *release = arguments[1:] or (os.environ["HOST"], os.environ["PORT"])
        asyncio.run(serve(address, int(port), "".join(release)))
    elif arguments[:1] == ["caller"] and len(arguments) == 2:
        Calling.url = arguments[1]
        HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Calling).serve_forever()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
