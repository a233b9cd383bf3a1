"""A listening socket of the sentinel's: each connection is looked at before anything is made for it.

asyncio's own server makes a transport, a reader, a writer and a task for whatever comes; under a flood that is ten times
what it takes to know the caller, write it down and close.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable

BACKLOG = 4096
"""Connections that wait to be looked at; the kernel takes its own bound where that is less (`net.core.somaxconn`)."""
_AT_ONCE = 64
"""So many are looked at before other work has its turn."""
_PAUSE = 0.2
_RESET = struct.pack("ii", 1, 0)

Greet = Callable[[socket.socket, str], None]
"""Takes a connection, which is its own from here on, and the caller's address."""


class Door:
    """Open from the start until `close`. Raises OSError where the address cannot be had."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str, port: int, greet: Greet) -> None:
        self._loop = loop
        self._greet = greet
        self._pause: asyncio.TimerHandle | None = None
        self._socket = socket.create_server((address, port), backlog=BACKLOG)
        self._socket.setblocking(False)
        loop.add_reader(self._socket, self._arrivals)

    def close(self) -> None:
        """No more connections; those that were greeted go on."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _arrivals(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, (address, _port) = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # no descriptor, no memory: they wait, and are looked at when there is some
                print(f"cannot look at stray connections: {error}", file=sys.stderr, flush=True)
                self._loop.remove_reader(self._socket)
                self._pause = self._loop.call_later(_PAUSE, self._resume)
                return
            connection.setblocking(False)
            self._greet(connection, address)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._arrivals)


def reset(connection: socket.socket) -> None:
    """Close at once; the other side reads that it was refused."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()
