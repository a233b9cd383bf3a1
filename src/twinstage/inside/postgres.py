"""Enough of PostgreSQL's protocol to refuse a client in words: it speaks first, and shows its user what it is answered.

Source: the manual's chapter "Message Formats", StartupMessage, SSLRequest, GSSENCRequest and ErrorResponse.
"""

import asyncio
import struct

_ENCRYPTION = (80877103, 80877104)
"""SSLRequest and GSSENCRequest: may we encrypt?"""
_NO = b"N"
_VERSION = 3
_LARGEST = 10_000
_PATIENCE = 0.5
_CODE = "28000"
"""SQLSTATE: invalid authorization specification. No client tries again at another address."""


def begins(first: bytes) -> bool:
    """Whether these are the first bytes of a client of PostgreSQL."""
    if len(first) < 8:
        return False
    length, code = struct.unpack_from("!II", first)
    return 8 <= length <= _LARGEST and (code in _ENCRYPTION or code >> 16 == _VERSION)


async def heard(first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the client has said who it is, unencrypted, and listens. It may go away before; a second is the most it gets."""
    try:
        async with asyncio.timeout(_PATIENCE):
            for _ in _ENCRYPTION:
                if struct.unpack_from("!I", first, 4)[0] not in _ENCRYPTION:
                    return
                writer.write(_NO)
                await writer.drain()
                first = await reader.readexactly(8)
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        return


def refusal(message: str, hint: str) -> bytes:
    """An ErrorResponse: what psql and every driver show as ``FATAL: message``."""
    fields = (("S", "FATAL"), ("V", "FATAL"), ("C", _CODE), ("M", message), ("H", hint))
    body = b"".join(f"{kind}{text}\0".encode() for kind, text in fields) + b"\0"
    return b"E" + struct.pack("!I", 4 + len(body)) + body
