"""What is counted for each source by itself: notes of packets for whoever listens (NFLOG), and what is too many of them. One's
flood takes nobody else's room."""

import struct

from twinstage.inside import nft
from twinstage.inside.netlink import attribute
from twinstage.inside.nft import Expression, Rule

_GROUP, _BYTES, _AT_ONCE = 1, 3, 4
_SET_NAME, _OPERATION, _KEY_REGISTER, _TIMEOUT, _EXPRESSION = 1, 3, 4, 6, 7
_NAME, _DATA = 1, 2
_RATE, _UNIT, _BURST, _TYPE, _FLAGS, _OVER = 1, 2, 3, 4, 5, 1
_UPDATE = 1
_NESTED = 0x8000
_MARK = 3
BATCH = 32
"""Notes that are told of together, where so many come at once."""


def note(group: int, bytes_each: int, meter: str, a_second: int) -> Rule:
    """Tell whoever listens to that NFLOG group of the packet; no more than ``a_second`` of each source address (and half as many
    at once), as the table's set of that name counts them."""
    log = _attributes(
        (_GROUP, struct.pack("!H", group)),
        (_BYTES, struct.pack("!I", bytes_each)),
        (_AT_ONCE, struct.pack("!H", BATCH)),
    )
    return (*_metered(meter, a_second, 0), _raw("log", log))


def too_many(meter: str, a_second: int) -> Rule:
    """The source address has sent more than ``a_second`` of them, as the table's set of that name counts them."""
    return _metered(meter, a_second, _OVER)


def remember(name: str, seconds: int) -> Rule:
    """Keep the packet's source and destination address and port for so long in the table's set of that name."""
    kept = _attributes(
        (_SET_NAME, name.encode() + b"\0"),
        (_OPERATION, struct.pack("!I", _UPDATE)),
        (_KEY_REGISTER, struct.pack("!I", 1)),
        (_TIMEOUT, struct.pack("!Q", seconds * 1000)),
    )
    return (*nft.triple(), _raw("dynset", kept))


def mark(number: int) -> Rule:
    """Remember this packet for the rules after this one."""
    to_mark = nft.expression("meta", NFTA_META_KEY=_MARK, NFTA_META_SREG=1)
    return (nft.immediate(1, nft.value(struct.pack("=I", number))), to_mark)


def marked(number: int) -> Rule:
    return nft.meta(_MARK, struct.pack("=I", number))


def reset() -> Rule:
    """Refuse a TCP connection in the name of whom it was for."""
    return (nft.expression("reject", NFTA_REJECT_TYPE=1, NFTA_REJECT_ICMP_CODE=0),)


def _metered(meter: str, a_second: int, flags: int) -> Rule:
    limit = _attributes(
        (_RATE, struct.pack("!Q", a_second)),
        (_UNIT, struct.pack("!Q", 1)),
        (_BURST, struct.pack("!I", a_second // 2)),
        (_TYPE, struct.pack("!I", 0)),
        (_FLAGS, struct.pack("!I", flags)),
    )
    bounded = _attributes((_NAME, b"limit\0"), (_DATA | _NESTED, limit))
    metered = _attributes(
        (_SET_NAME, meter.encode() + b"\0"),
        (_OPERATION, struct.pack("!I", _UPDATE)),
        (_KEY_REGISTER, struct.pack("!I", 1)),
        (_EXPRESSION | _NESTED, bounded),
    )
    return (nft.source(), _raw("dynset", metered))


def _attributes(*pairs: tuple[int, bytes]) -> bytes:
    return b"".join(attribute(kind, value) for kind, value in pairs)


def _raw(name: str, data: bytes) -> Expression:
    """pyroute2 0.9 writes four bytes for a log's group where the kernel has two, and knows no expression in a dynset. The
    data of an expression that it does not know goes out as it is, and the kernel does not mind a second zero after the name."""
    return {"attrs": [("NFTA_EXPR_NAME", f"{name}\0"), ("NFTA_EXPR_DATA", data)]}
