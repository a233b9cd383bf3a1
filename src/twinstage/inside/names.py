"""DNS for instances: their own name has an address, every other is NXDOMAIN and a crossing.

Asking for one's own name, for localhost, or for the name of an address (PTR) crosses nothing. Malformed questions get
FORMERR where an answer can be addressed at all; nothing a packet holds ends the server.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from dnslib import QTYPE, RCODE, RR, A, DNSError, DNSHeader, DNSRecord

from twinstage.inside.report import Report
from twinstage.inside.targets import World
from twinstage.inside.wires import Wire

_TTL = 5
_HEADER = 12
_LARGEST = 4096
_PATIENCE = 2.0
_QUESTIONS_PER_CONNECTION = 100


class Names:
    """Answers questions. ``world`` gives the present one; ``report`` takes the crossings."""

    def __init__(self, world: Callable[[], World], report: Report) -> None:
        self._world = world
        self._report = report

    def answer(self, packet: bytes, address: str) -> bytes | None:
        """The answer for the caller with that address; None where there is nobody to answer."""
        question = _question(packet)
        if question is None:
            return _malformed(packet)
        reply = question.reply(ra=1, aa=1)
        name, kind = _name(question), question.q.qtype
        caller = self._world().callers.get(address)
        own = _own_address(name, caller)
        if own is not None:
            if kind in (QTYPE.A, QTYPE.ANY):
                reply.add_answer(RR(question.q.qname, QTYPE.A, rdata=A(own), ttl=_TTL))
        else:
            reply.header.rcode = RCODE.NXDOMAIN
            if caller is not None and kind != QTYPE.PTR and not name.endswith(".arpa"):
                self._report.add(caller, self._world().name(caller, name), "NXDOMAIN")
        return bytes(reply.pack())

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


class Datagrams(asyncio.DatagramProtocol):
    """The same over UDP."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        reply = self._names.answer(data, str(addr[0]))
        if reply is not None:
            self._transport.sendto(reply, addr)


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


def _own_address(name: str, caller: Wire | None) -> str | None:
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    return caller.address if caller is not None and name == caller.hostname.lower() else None
