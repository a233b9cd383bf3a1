"""Notes over a Unix socket: one JSON line each, and open descriptors that travel with it."""

import array
import json
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

LONGEST = 1 << 20
"""Bytes of one line at most."""
MOST = 4
"""Descriptors with one line at most."""


class NoNote(Exception):
    """The other side went away, or sent something else than a note."""


class Notes:
    """One connection. Whoever receives descriptors owns them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    def fileno(self) -> int:
        """For a selector. A note may have been read already with the one before: both sides answer in turn."""
        return self._connection.fileno()

    def send(self, descriptors: Sequence[int] = (), **told: Any) -> None:
        """Raises OSError when nobody is there."""
        line = json.dumps(told).encode() + b"\n"
        sent = socket.send_fds(self._connection, [line], list(descriptors)) if descriptors else 0
        self._connection.sendall(line[sent:])

    def receive(self, within: float | None = None) -> tuple[dict[str, Any], list[int]]:
        """The next note and its descriptors. ``within``: seconds for each part of it. Raises NoNote."""
        found: list[int] = []
        try:
            self._connection.settimeout(within)
            while b"\n" not in self._rest and len(self._rest) < LONGEST:
                found += self._more()
            line, _, self._rest = self._rest.partition(b"\n")
            told = json.loads(line)
            if not isinstance(told, dict):
                raise ValueError(f"no note: {line[:80]!r}")
        except (OSError, ValueError, RecursionError) as error:
            close(found)
            raise NoNote(str(error) or type(error).__name__) from None
        finally:
            with suppress(OSError):
                self._connection.settimeout(None)
        return told, found

    def _more(self) -> list[int]:
        size = array.array("i").itemsize * MOST
        data, control, _flags, _ = self._connection.recvmsg(1 << 16, socket.CMSG_SPACE(size), socket.MSG_CMSG_CLOEXEC)
        found = array.array("i")
        for level, kind, body in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found.frombytes(body[: len(body) - len(body) % found.itemsize])
        if not data:
            close(found)
            raise ConnectionError("the connection was closed")
        self._rest += data
        return list(found)

    def hang_up(self) -> None:
        """Nothing more is said from here; what the other side says last is still heard."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._connection.close()


def close(descriptors: Sequence[int]) -> None:
    for it in descriptors:
        with suppress(OSError):
            os.close(it)
