"""What the guard ends by itself: datagrams to nowhere, and of any caller's calls and questions what is too many in a second. It
tells of them over netlink (NFLOG), and they are recorded from that.

They get no answer, but who sent them and where to is as certain as with a connection. Where the kernel has no
NFLOG they are dropped all the same, and `Dropped.heard` says that they leave no record.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

from twinstage.inside.names import asked
from twinstage.inside.netlink import NETFILTER, attribute
from twinstage.inside.notes import BATCH
from twinstage.inside.report import Report
from twinstage.inside.targets import World
from twinstage.inside.walls import LOG_GROUP, NAMES_PORT

_LOG, _PACKET, _CONFIG = 4 << 8, 0, 1
_REQUEST_AND_ACKNOWLEDGE = 5
_COMMAND, _MODE, _TIMEOUT, _THRESHOLD, _PAYLOAD = 1, 2, 4, 5, 9
_BIND, _COPY_PACKET = 1, 2
_BYTES = 320
"""Of each packet, at most; the guard sends less where the headers are enough."""
_WAIT = 2
"""Hundredths of a second for which the kernel collects notes: one message each would fill the buffer in a moment."""
_BUFFER = 4 << 20
_AT_ONCE = 16
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
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)  # the kernel takes its own bound
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
        for _ in range(_AT_ONCE):
            try:
                notes = link.recv(1 << 16)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # ENOBUFS: more than we could read; what was lost was dropped by the guard, too
                self._report.unread += 1
                # Told when there were twice as many: the log is not to be filled from outside.
                if self._report.unread.bit_count() == 1:
                    print(f"some datagrams left no record: {error}", file=sys.stderr, flush=True)
                return
            for packet in _packets(notes):
                self._record(packet)

    def _record(self, packet: bytes) -> None:
        addressed = _addressed(packet)
        if addressed is None:
            return
        protocol, source, to, port = addressed
        caller, world = self._world().callers.get(source), self._world()
        place = IPv4Address(to)
        if caller is None or place.is_multicast or place == _EVERYBODY:  # looking around asks for nobody in particular
            return
        if protocol == socket.IPPROTO_UDP and (to, port) == (world.ports.gateway, NAMES_PORT):
            name = asked(packet[_headers(packet) :])
            target = None if name is None else world.name(caller, name)
        else:
            target = world.connection(caller, to, port, datagram=protocol == socket.IPPROTO_UDP)
        if target is not None:
            self._report.add(caller, target, "closed" if protocol == socket.IPPROTO_TCP else "dropped")


def _configuration() -> bytes:
    """Bind this socket to the guard's group; the packets' first bytes, soon after they are there."""
    attributes = b"".join(
        attribute(kind, value)
        for kind, value in (
            (_COMMAND, bytes([_BIND])),
            (_MODE, struct.pack("!IBx", _BYTES, _COPY_PACKET)),
            (_TIMEOUT, struct.pack("!I", _WAIT)),
            (_THRESHOLD, struct.pack("!I", BATCH)),
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


def _headers(packet: bytes) -> int:
    """Where a UDP packet's content begins."""
    return (packet[0] & 15) * 4 + 8


def _addressed(packet: bytes) -> tuple[int, str, str, int] | None:
    """(protocol, source, destination, destination port) of a TCP or UDP packet; None when it is cut short."""
    if len(packet) < 20 or packet[9] not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        return None
    header = (packet[0] & 15) * 4
    if len(packet) < header + 4:
        return None
    (port,) = struct.unpack_from("!H", packet, header + 2)
    return packet[9], socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), port
