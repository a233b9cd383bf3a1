"""Tiny HTTP/1.1 instances on loopback, each with switches that a test turns."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STATUSES = {"/error": "500 Internal Server Error", "/forbidden": "403 Forbidden", "/bad": "502 Bad Gateway"}


class Instance:
    """One server. ``name`` is its answer's body; paths make it behave: /slow /cut /drop and STATUSES."""

    def __init__(self, name: str, address: str, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.address = address
        self.well = True
        self.port = 0
        self.asked = 0
        """Requests that have arrived, health checks apart."""
        self.headers: dict[str, str] = {}
        """Of the latest request, names in lower case."""
        self._loop = loop
        self._release = asyncio.Event()
        self._server: asyncio.Server | None = None

    def start(self, port: int = 0) -> "Instance":
        async def listen() -> asyncio.Server:
            return await asyncio.start_server(self._serve, self.address, port)

        self._server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(30)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def release(self) -> None:
        """Lets the requests for /slow be answered."""
        self._loop.call_soon_threadsafe(self._release.set)

    def stop(self) -> None:
        """Takes no further connection, not even one that waits to be taken, when this returns; those that are open stay."""
        if self._server is not None:
            asyncio.run_coroutine_threadsafe(_close(self._server), self._loop).result(30)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        await reader.readexactly(int(headers.get("content-length", "0")))
        if path == "/healthz":
            writer.write(_message("200 OK" if self.well else "503 Service Unavailable", b"health"))
            return True
        self.headers = headers
        self.asked += 1
        if path == "/drop":
            return False
        if path == "/cut":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly a part")
            await writer.drain()
            return False
        if path == "/slow":
            await self._release.wait()
        writer.write(_message(STATUSES.get(path, "200 OK"), self.name.encode()))
        return True


async def _close(server: asyncio.Server) -> None:
    server.close()


def _message(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class Upstreams:
    """Instances of one test, on a loop of their own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.started: list[Instance] = []

    def instance(self, name: str, address: str = "127.0.0.1", port: int = 0) -> Instance:
        instance = Instance(name, address, self._loop).start(port)
        self.started.append(instance)
        return instance


@contextmanager
def upstreams() -> Iterator[Upstreams]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="upstreams")
    thread.start()
    made = Upstreams(loop)
    try:
        yield made
    finally:
        for instance in made.started:
            instance.release()
            instance.stop()

        async def rest() -> None:
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(rest(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
