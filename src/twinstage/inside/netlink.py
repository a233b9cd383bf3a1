"""Netlink in batches: pyroute2 encodes the messages, one send carries them all, each is acknowledged.

pyroute2's own sockets start an event loop, and a process for each namespace; the networks are made by one thread that
walks through the namespaces, and a plain socket simply belongs to the namespace where it was opened.
"""

import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyroute2.netlink import NLM_F_ACK, NLM_F_REQUEST

ROUTE, NETFILTER = 0, 12
_ERROR = 2
_HEADER = struct.Struct("=IHHII")
_TIMEOUT = 5.0
_RECEIVE = 1 << 16


class Refused(OSError):
    """The kernel said no. The message names the request; ``errno`` is the kernel's."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One message and how to speak of it."""

    what: str
    message: Any
    """A pyroute2 message, its fields and attributes filled in."""
    kind: int
    flags: int = 0
    forgive: frozenset[int] = frozenset()
    """Error numbers that mean: it is as wanted already."""
    acknowledged: bool = True
    """False for the brackets around an nftables transaction."""


def run(protocol: int, requests: Sequence[Request]) -> None:
    """Send all at once in the calling thread's network namespace; raises `Refused` with the first that failed."""
    data = bytearray()
    for number, request in enumerate(requests, start=1):
        header = request.message["header"]
        header["type"] = request.kind
        header["flags"] = NLM_F_REQUEST | request.flags | (NLM_F_ACK if request.acknowledged else 0)
        header["sequence_number"] = number
        request.message.encode()
        data += request.message.data
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as link:
        link.settimeout(_TIMEOUT)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, max(len(data) * 2, 1 << 17))
        link.bind((0, 0))
        link.sendto(data, (0, 0))
        _acknowledgements(link, requests)


def _acknowledgements(link: socket.socket, requests: Sequence[Request]) -> None:
    """Read until each request is answered. The first refusal ends it: what follows it is a consequence."""
    waiting = {number for number, request in enumerate(requests, start=1) if request.acknowledged}
    while waiting:
        answer = link.recv(_RECEIVE)
        at = 0
        while at + _HEADER.size <= len(answer):
            length, kind, _, number, _ = _HEADER.unpack_from(answer, at)
            if kind == _ERROR:
                error = -struct.unpack_from("=i", answer, at + _HEADER.size)[0]
                request = requests[number - 1]
                if error and error not in request.forgive:
                    raise Refused(error, f"cannot {request.what}: {os.strerror(error)}")
                waiting.discard(number)
            at += max(_HEADER.size, (length + 3) & ~3)
