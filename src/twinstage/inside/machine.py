"""Which addresses are this machine's own, as its kernel says: of its networks' cards, not only of its loopback.

What listens on such an address often listens there for the machine itself or its neighbours; a name that anybody on the
internet may let lead there must not.
"""

import ipaddress
import socket
import struct

from twinstage.inside.indexes import is_own
from twinstage.inside.netlink import attribute

KEEPERS = frozenset({"100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"})
"""Where clouds tell a machine its own credentials, beside the link-local ones."""
_GET_ROUTE, _REQUEST, _ERROR, _DESTINATION = 26, 1, 2, 1
_UNICAST_TYPES = frozenset({1, 7, 8})
"""RTN_UNICAST, and those that nobody answers at (unreachable, prohibited): the connection itself says so best."""
_HEADER, _ROUTE = struct.Struct("=IHHII"), struct.Struct("=BBBBBBBBI")
_UNREACHABLE_ERRORS = frozenset({101, 113, 13, 22})
_PATIENCE = 2.0


def is_machine(address: str) -> bool:
    """Raises OSError where the kernel cannot be asked. An address that no route leads to is nobody's."""
    text = address.partition("%")[0]
    if is_own(text):
        return True
    bare = ipaddress.ip_address(text)
    bare = getattr(bare, "ipv4_mapped", None) or bare
    return str(bare) in KEEPERS or not _leads_away(bare)


def _leads_away(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """By the kernel's own table, as a connection there would be sent: also for a range that is given to the machine whole."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    length = address.max_prefixlen
    body = _ROUTE.pack(family, length, 0, 0, 0, 0, 0, 0, 0) + attribute(_DESTINATION, address.packed)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as link:
        link.settimeout(_PATIENCE)
        link.sendto(_HEADER.pack(_HEADER.size + len(body), _GET_ROUTE, _REQUEST, 1, 0) + body, (0, 0))
        answer = link.recv(8192)
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind == _ERROR:
        (number,) = struct.unpack_from("=i", answer, _HEADER.size)
        if -number in _UNREACHABLE_ERRORS:
            return True
        raise OSError(-number, "cannot ask the kernel whose address that is")
    return _ROUTE.unpack_from(answer, _HEADER.size)[7] in _UNICAST_TYPES
