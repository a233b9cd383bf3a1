"""Netlink in batches: one send carries all the messages, and the last one is acknowledged; what is refused is told of each.

pyroute2's own sockets start an event loop, and a process for each namespace; the networks are made by one thread that
walks through the namespaces, and a plain socket simply belongs to the namespace where it was opened.
"""

import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

ROUTE, NETFILTER = 0, 12
REPLACE, EXCLUSIVE, CREATE, APPEND = 0x100, 0x200, 0x400, 0x800
_REQUEST, _ACKNOWLEDGE = 1, 4
_ERROR = 2
_HEADER, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
_TIMEOUT = 5.0
_RECEIVE = 1 << 16


class Refused(OSError):
    """The kernel said no. The message names the request; ``errno`` is the kernel's."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One message and how to speak of it."""

    what: str
    body: bytes
    """What follows the header: the fields of its kind, then attributes."""
    kind: int
    flags: int = 0
    forgive: frozenset[int] = frozenset()
    """Error numbers that mean: it is as wanted already."""
    acknowledged: bool = True
    """False for the brackets around an nftables transaction."""


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, filled up to whole words."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def run(protocol: int, requests: Sequence[Request]) -> None:
    """Send all at once in the calling thread's network namespace; raises `Refused` with the first that failed."""
    data = bytearray()
    last = max(number for number, request in enumerate(requests) if request.acknowledged)
    for number, request in enumerate(requests):
        flags = _REQUEST | request.flags | (_ACKNOWLEDGE if number == last else 0)
        data += _HEADER.pack(_HEADER.size + len(request.body), request.kind, flags, number, 0)
        data += request.body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as link:
        link.settimeout(_TIMEOUT)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, max(len(data) * 2, 1 << 17))
        link.bind((0, 0))
        link.sendto(data, (0, 0))
        _answers(link, requests, last)


def _answers(link: socket.socket, requests: Sequence[Request], last: int) -> None:
    """Read until the last request is answered; they are in order. The first refusal ends it: what follows is a consequence."""
    while True:
        answer = link.recv(_RECEIVE)
        at = 0
        while at + _HEADER.size <= len(answer):
            length, kind, _, number, _ = _HEADER.unpack_from(answer, at)
            if kind == _ERROR:
                error = -struct.unpack_from("=i", answer, at + _HEADER.size)[0]
                request = requests[number]
                if error and error not in request.forgive:
                    raise Refused(error, f"cannot {request.what}: {os.strerror(error)}")
                if number == last:
                    return
            at += max(_HEADER.size, (length + 3) & ~3)
