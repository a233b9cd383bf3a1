"""Datagrams to nowhere: dropped by the guard, which tells of them over netlink (NFLOG), and recorded from that.

There is nobody to answer, but who sent them and where to is as certain as with a connection. Where the kernel has no
NFLOG they are dropped all the same, and `Dropped.heard` says that they leave no record.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address

from twinstage.inside.netlink import NETFILTER
from twinstage.inside.networks import LOG_GROUP
from twinstage.inside.report import Report
from twinstage.inside.targets import OTHER_ECOSYSTEM, World

_LOG, _PACKET, _CONFIG = 4 << 8, 0, 1
_REQUEST_AND_ACKNOWLEDGE = 5
_COMMAND, _MODE, _THRESHOLD, _PAYLOAD = 1, 2, 5, 9
_BIND, _COPY_PACKET = 1, 2
_HEADERS = 64
"""Bytes of each packet: enough for an IP header with options and the ports."""
_NETLINK, _GENERIC, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("!BBH"), struct.Struct("=HH")
_EVERYBODY = IPv4Address("255.255.255.255")


class Dropped:
    """Listens for the guard's notes in this process's network namespace."""

    def __init__(self, world: Callable[[], World], report: Report) -> None:
        self._world = world
        self._report = report
        self._link: socket.socket | None = None

    @property
    def heard(self) -> bool:
        return self._link is not None

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Until `close`. A kernel that cannot is told on stderr and is no error."""
        try:
            link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
        except OSError as error:
            print(f"datagrams leave no record: {error}", file=sys.stderr, flush=True)
            return
        try:
            link.settimeout(2)
            link.bind((0, 0))
            link.send(_configuration())
            (error_number,) = struct.unpack_from("=i", link.recv(4096), _NETLINK.size)
            if error_number:
                raise OSError(-error_number, "the kernel has no packet log (nfnetlink_log) for this namespace")
        except OSError as error:
            link.close()
            print(f"datagrams leave no record: {error}", file=sys.stderr, flush=True)
            return
        link.setblocking(False)
        loop.add_reader(link, self._read, link)
        self._link = link

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._link is not None:
            loop.remove_reader(self._link)
            self._link.close()
            self._link = None

    def _read(self, link: socket.socket) -> None:
        try:
            notes = link.recv(1 << 16)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:  # ENOBUFS: more than we could read; what was lost was dropped by the guard, too
            print(f"some datagrams left no record: {error}", file=sys.stderr, flush=True)
            return
        for packet in _packets(notes):
            self._record(packet)

    def _record(self, packet: bytes) -> None:
        addressed = _addressed(packet)
        if addressed is None:
            return
        source, to, port = addressed
        caller, world = self._world().callers.get(source), self._world()
        place = IPv4Address(to)
        if caller is None or place.is_multicast or place == _EVERYBODY:  # looking around asks for nobody in particular
            return
        target = world.connection(caller, to, port)
        if target.kind != OTHER_ECOSYSTEM:
            target = replace(target, target=f"udp {target.target}")
        self._report.add(caller, target, "dropped")


def _configuration() -> bytes:
    """Bind this socket to the guard's group; whole headers, each as soon as it is there."""
    attributes = b"".join(
        _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)
        for kind, value in (
            (_COMMAND, bytes([_BIND])),
            (_MODE, struct.pack("!IBx", _HEADERS, _COPY_PACKET)),
            (_THRESHOLD, struct.pack("!I", 1)),
        )
    )
    body = _GENERIC.pack(socket.AF_INET, 0, LOG_GROUP) + attributes
    return _NETLINK.pack(_NETLINK.size + len(body), _LOG | _CONFIG, _REQUEST_AND_ACKNOWLEDGE, 1, 0) + body


def _packets(notes: bytes) -> Iterator[bytes]:
    """The packets' first bytes in a batch of netlink messages."""
    at = 0
    while at + _NETLINK.size <= len(notes):
        length, kind, *_ = _NETLINK.unpack_from(notes, at)
        end = min(at + length, len(notes))
        place = at + _NETLINK.size + _GENERIC.size
        while kind == _LOG | _PACKET and place + _ATTRIBUTE.size <= end:
            size, what = _ATTRIBUTE.unpack_from(notes, place)
            if what & 0x7FFF == _PAYLOAD:
                yield notes[place + _ATTRIBUTE.size : place + size]
            place += max(_ATTRIBUTE.size, (size + 3) & ~3)
        at += max(_NETLINK.size, (length + 3) & ~3)


def _addressed(packet: bytes) -> tuple[str, str, int] | None:
    """(source, destination, destination port) of a UDP packet; None when it is cut short."""
    if len(packet) < 20 or packet[9] != socket.IPPROTO_UDP:
        return None
    header = (packet[0] & 15) * 4
    if len(packet) < header + 4:
        return None
    (port,) = struct.unpack_from("!H", packet, header + 2)
    return socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), port
