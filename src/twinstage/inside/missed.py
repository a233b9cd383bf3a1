"""What was tried while no sentinel listened: the guard itself keeps each attempt for a few seconds, and a new sentinel reads them.

Nothing of this lets anything through: a stray call is refused by the kernel while nobody listens. It is only known afterwards
who made it.
"""

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twinstage.inside.netlink import NETFILTER, attribute

KEPT_SECONDS = 10
_SUBSYSTEM, _GET, _DUMP_REQUEST = 10 << 8, 13, 0x301
_ERROR, _DONE = 2, 3
_TABLE, _SET, _ELEMENTS = 1, 2, 3
_KEY, _TIMEOUT, _EXPIRATION, _VALUE = 1, 4, 5, 1
_HEADER, _GENERIC, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("!BBH"), struct.Struct("=HH")
_PATIENCE = 2.0
_RECEIVE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Missed:
    """One place that one caller tried."""

    source: str
    address: str
    port: int
    age: float
    """Seconds since it was tried last."""


class Alive:
    """Says when a sentinel last wrote down what it met: the time of an empty file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> None:
        self._path.touch()

    def ago(self) -> float:
        """Seconds; none before the first time, when there is nothing to have missed."""
        try:
            return max(0.0, time.time() - self._path.stat().st_mtime)
        except FileNotFoundError:
            return 0.0


def attempts(table: str, name: str) -> tuple[Missed, ...]:
    """What the set holds, in the calling thread's network namespace; nothing where there is no such set. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER) as link:
        link.settimeout(_PATIENCE)
        link.bind((0, 0))
        body = (
            _GENERIC.pack(socket.AF_INET, 0, 0)
            + attribute(_TABLE, table.encode() + b"\0")
            + attribute(_SET, name.encode() + b"\0")
        )
        link.send(_HEADER.pack(_HEADER.size + len(body), _SUBSYSTEM | _GET, _DUMP_REQUEST, 1, 0) + body)
        return tuple(missed for body in _answers(link) for missed in _read(body))


def _answers(link: socket.socket) -> Iterator[bytes]:
    """The messages' contents behind their headers, until the kernel has no more."""
    while True:
        said, at = link.recv(_RECEIVE), 0
        while at + _HEADER.size <= len(said):
            length, kind, *_ = _HEADER.unpack_from(said, at)
            if kind == _DONE:
                return
            if kind == _ERROR:
                number = -struct.unpack_from("=i", said, at + _HEADER.size)[0]
                if number == errno.ENOENT:
                    return
                raise OSError(number, f"cannot read what was missed: {os.strerror(number)}")
            yield said[at + _HEADER.size + _GENERIC.size : at + length]
            at += max(_HEADER.size, (length + 3) & ~3)


def _read(content: bytes) -> Iterator[Missed]:
    for element in _attributes(_attribute(content, _ELEMENTS)):
        value = _attribute(_attribute(element, _KEY), _VALUE)
        left, whole = (int.from_bytes(_attribute(element, kind)) for kind in (_EXPIRATION, _TIMEOUT))
        if len(value) >= 10:
            yield Missed(
                source=socket.inet_ntoa(value[:4]),
                address=socket.inet_ntoa(value[4:8]),
                port=int.from_bytes(value[8:10]),
                age=max(0, (whole or KEPT_SECONDS * 1000) - left) / 1000,
            )


def _attribute(content: bytes, kind: int) -> bytes:
    """The first of that kind; empty where there is none."""
    return next((value for what, value in _pairs(content) if what == kind), b"")


def _attributes(content: bytes) -> Iterator[bytes]:
    return (value for _, value in _pairs(content))


def _pairs(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(content):
        size, kind = _ATTRIBUTE.unpack_from(content, at)
        yield kind & 0x3FFF, content[at + _ATTRIBUTE.size : at + size]
        at += max(_ATTRIBUTE.size, (size + 3) & ~3)
