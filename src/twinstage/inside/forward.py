"""A door for a build: ``python -m twinstage.inside.forward SOCKET PORT -- COMMAND...``.

Runs inside the build's own sandbox, whose network holds nothing but loopback: listens on 127.0.0.1:PORT, carries the
bytes to the package proxy's Unix socket, runs COMMAND beside it and ends with its exit status (128 + the signal's number).
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

MOST = 128
"""Connections at once. More are closed at once: a build that opens so many does not get more packages by it."""

CHUNK = 65536


class Forwarder:
    """Carries connections to one Unix socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._open = 0
        self._said: set[bytes] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until both sides are done with it."""
        if self._open >= MOST:
            writer.close()
            return
        self._open += 1
        try:
            there_reader, there_writer = await asyncio.open_unix_connection(self._socket)
        except OSError as trouble:
            print(f"twinstage: cannot reach the package proxy: {trouble}", file=sys.stderr)
            writer.close()
        else:
            await join((reader, writer), (there_reader, there_writer), self._overhear)
        finally:
            self._open -= 1

    def _overhear(self, answer: bytes) -> None:
        """Say each refusal once: installers show no more of it than "tunnel error"."""
        sentence = answer.partition(b"\r\n\r\ntwinstage: ")[2].strip()
        if sentence and sentence not in self._said:
            self._said.add(sentence)
            print(f"twinstage: {sentence.decode(errors='replace')}", file=sys.stderr)


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _ignore(_: bytes) -> None:
    """Nobody wants to know how it begins."""


async def join(one: Side, other: Side, first: Callable[[bytes], None] = _ignore) -> None:
    """Copy both ways until both have ended or one breaks; closes both. ``first`` sees how ``other`` begins."""
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(one[0], other[1], _ignore))
            both.create_task(_copy(other[0], one[1], first))
    except* OSError:
        pass  # a side that broke off is an end like any other: the other side sees it close
    finally:
        one[1].close()
        other[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: Callable[[bytes], None]) -> None:
    while data := await reader.read(CHUNK):
        first(data)
        first = _ignore
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def serve(socket: Path, port: int, command: Sequence[str]) -> int:
    """Forward while ``command`` runs; its exit status. Raises OSError when the port is taken or it cannot start."""
    server = await asyncio.start_server(Forwarder(socket).carry, "127.0.0.1", port)
    told: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Before the child is there, or a signal in between would end us and leave it.
        asyncio.get_running_loop().add_signal_handler(number, told.put_nowait, number)
    try:
        child = await asyncio.create_subprocess_exec(*command)
        passing = asyncio.create_task(_pass_on(told, child))
        status = await child.wait()
        passing.cancel()
    finally:
        # Not "async with": since Python 3.12 that waits for every connection, and the command's own children may hold one.
        server.close()
    return status if status >= 0 else 128 - status


async def _pass_on(told: asyncio.Queue[signal.Signals], child: asyncio.subprocess.Process) -> None:
    while True:
        number = await told.get()
        if child.returncode is None:
            child.send_signal(number)


def main() -> int:
    if len(sys.argv) < 5 or sys.argv[3] != "--" or not sys.argv[2].isdecimal():
        print("usage: python -m twinstage.inside.forward SOCKET PORT -- COMMAND...", file=sys.stderr)
        return 2
    try:
        return asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[4:]))
    except OSError as trouble:
        print(f"twinstage: cannot run {sys.argv[4]} beside its package door: {trouble}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main())
