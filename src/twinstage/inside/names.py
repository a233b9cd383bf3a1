"""DNS for instances: their own name and the outside names that they declare have an address, every other is NXDOMAIN and
a crossing.

Asking for one's own name, for localhost, or for the name of an address (PTR) crosses nothing. Malformed questions get
FORMERR where an answer can be addressed at all; nothing a packet holds ends the server.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from dnslib import QTYPE, RCODE, RR, A, DNSError, DNSHeader, DNSRecord

from twinstage.inside.report import Report
from twinstage.inside.targets import Target, World
from twinstage.inside.wires import Wire

_TTL = 5
_HEADER = 12
_LARGEST = 4096
_PATIENCE = 2.0
_QUESTIONS_PER_CONNECTION = 100
_BUFFER = 4 << 20
_AT_ONCE = 256
_MOST_KEPT, _LONGEST_KEPT = 4096, 300


class Names:
    """Answers questions. ``world`` gives the present one; ``report`` takes the crossings."""

    def __init__(self, world: Callable[[], World], report: Report) -> None:
        self._world = world
        self._report = report
        self._of: World | None = None
        self._kept: dict[tuple[str, bytes], tuple[bytes, Target | None]] = {}
        """(who, question) -> (answer, crossing) of that world, each without its number: many ask the same again and again."""

    def answer(self, packet: bytes, address: str) -> bytes | None:
        """The answer for the caller with that address; None where there is nobody to answer."""
        world = self._world()
        if world is not self._of or len(self._kept) >= _MOST_KEPT:
            self._of, self._kept = world, {}
        key = (address, bytes(packet[2:]))
        if key in self._kept:
            said, target = self._kept[key]
        else:
            question = _question(packet)
            if question is None:
                return _malformed(packet)
            reply, target = _answer(question, world, world.callers.get(address))
            said = reply[2:]
            if len(packet) <= _LONGEST_KEPT:
                self._kept[key] = said, target
        if target is not None:
            self._report.add(world.callers[address], target, "NXDOMAIN")
        return bytes(packet[:2]) + said

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> bool:
        """Questions over TCP, each with its length before it. False when what came was no DNS at all."""
        for number in range(_QUESTIONS_PER_CONNECTION):
            try:
                async with asyncio.timeout(_PATIENCE):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    packet = await reader.readexactly(length) if _HEADER <= length <= _LARGEST else b""
                    reply = self.answer(packet, address) if _question(packet) is not None else None
                    if reply is None:
                        return number > 0
                    writer.write(struct.pack("!H", len(reply)) + reply)
                    await writer.drain()
            except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                return number > 0
        return True


class Datagrams:
    """The same over UDP, from the start until `close`. Raises OSError where the address cannot be had."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str, port: int, names: Names) -> None:
        self._loop = loop
        self._names = names
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)  # the kernel takes its own bound
        self._socket.bind((address, port))
        self._socket.setblocking(False)
        loop.add_reader(self._socket, self._questions)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _questions(self) -> None:
        """Taken from the kernel first, since answering one takes longer than many to arrive."""
        arrived: list[tuple[bytes, tuple[str, int]]] = []
        with suppress(OSError):  # nothing more for now, or word of an asker who is gone
            while len(arrived) < _AT_ONCE:
                arrived.append(self._socket.recvfrom(_LARGEST + 1))
        for packet, asker in arrived:
            reply = self._names.answer(packet, asker[0])
            if reply is not None:
                with suppress(OSError):  # it does not listen any more: it asks again, or does not care
                    self._socket.sendto(reply, asker)


def _answer(question: DNSRecord, world: World, caller: Wire | None) -> tuple[bytes, Target | None]:
    """What is said, and what was crossed by asking."""
    reply, target = question.reply(ra=1, aa=1), None
    name, kind = _name(question), question.q.qtype
    address_of = _address(name, caller)
    if address_of is None:
        reply.header.rcode = RCODE.NXDOMAIN
        if caller is not None and _crosses(name, kind):
            target = world.name(caller, name)
    elif kind in (QTYPE.A, QTYPE.ANY):
        reply.add_answer(RR(question.q.qname, QTYPE.A, rdata=A(address_of), ttl=_TTL))
    return bytes(reply.pack()), target


def asked(packet: bytes) -> str | None:
    """The name that a question asks for; None for what is no question, and where asking crosses nothing."""
    question = _question(packet)
    name = None if question is None else _name(question)
    return name if question is not None and name is not None and _crosses(name, question.q.qtype) else None


def _crosses(name: str, kind: int) -> bool:
    return kind != QTYPE.PTR and not name.endswith(".arpa")


def _question(packet: bytes) -> DNSRecord | None:
    """A query with exactly one question; None for anything else that a packet can hold."""
    if not _HEADER < len(packet) <= _LARGEST:
        return None
    try:
        record = DNSRecord.parse(packet)
    except (DNSError, ValueError, IndexError, KeyError, struct.error, RecursionError):
        return None
    return record if record.header.qr == 0 and len(record.questions) == 1 else None


def _malformed(packet: bytes) -> bytes | None:
    if len(packet) < _HEADER or packet[2] & 0x80:  # too short to name, or an answer: answering answers goes on for ever
        return None
    (number,) = struct.unpack_from("!H", packet)
    return bytes(DNSRecord(DNSHeader(id=number, qr=1, rcode=RCODE.FORMERR)).pack())


def _name(question: DNSRecord) -> str:
    """In lower case, without the final dot; bytes that no name has are written as escapes."""
    labels: tuple[bytes, ...] = question.q.qname.label
    return ".".join(label.decode("ascii", "backslashreplace") for label in labels).lower()[:253]


def _address(name: str, caller: Wire | None) -> str | None:
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    if caller is None:
        return None
    if name == caller.hostname.lower():
        return caller.address
    return next((there.address for there in caller.outside if there.host == name), None)
