"""Interfaces, addresses, routes and neighbours: the rtnetlink requests that a wire is made of.

Both ends of a wire know each other's hardware address from the start (it is made from the IP address): there is no ARP
to wait for, and no entry of the machine's one neighbour table, which is shared by all its namespaces, to run out of.
"""

from collections.abc import Iterable
from fcntl import ioctl
from ipaddress import IPv4Network
from socket import AF_INET, SOCK_DGRAM, inet_aton, socket
from struct import Struct, pack, unpack_from
from time import monotonic, sleep

from twinstage.inside.netlink import CREATE, EXCLUSIVE, REPLACE, Request, attribute

LOOPBACK = 1
"""The index of ``lo`` in every network namespace."""
_NEW_LINK, _DELETE_LINK, _NEW_ADDRESS, _NEW_ROUTE, _NEW_NEIGHBOUR = 16, 17, 20, 24, 28
_LINK_FIELDS = Struct("=BxHiII")  # family, kind, index, flags, which of them to change
_ADDRESS_FIELDS = Struct("=BBBBI")  # family, length of the prefix, flags, scope, index
_NEIGHBOUR_FIELDS = Struct("=BxxxiHBB")  # family, index, state, flags, kind
_ROUTE_FIELDS = Struct(
    "=BBBBBBBBI"
)  # family, lengths of destination and source, tos, table, protocol, scope, kind, flags
_LINK_ADDRESS, _LINK_NAME, _LINK_INFO, _LINK_GROUP, _LINK_NAMESPACE = 1, 3, 18, 27, 28
_INFO_KIND, _INFO_DATA, _INFO_PEER = 1, 2, 1
_ADDRESS_ADDRESS, _ADDRESS_LOCAL = 1, 2
_NEIGHBOUR_ADDRESS, _NEIGHBOUR_HARDWARE, _PERMANENT = 1, 2, 0x80
_ROUTE_TO, _ROUTE_BY, _ROUTE_GATEWAY, _ROUTE_SOURCE = 1, 4, 5, 7
_UP, _RUNNING = 1, 0x40
_GET_FLAGS, _MOMENT = 0x8913, 0.002
_ON_LINK = 4
_MAIN, _STATIC, _UNICAST = 254, 4, 1
_GLOBAL, _LINK = 0, 253
_EXISTS, _NO_DEVICE = 17, 19
_LEAVING = 0x7477
"""The group of interfaces that are about to go."""


def hardware(address: str, end: int) -> str:
    """A locally administered hardware address for one end of the wire with that IP address: 0 the instance's, 1 ours."""
    return ":".join(f"{byte:02x}" for byte in (2, end, *inet_aton(address)))


def _number(value: int) -> bytes:
    return pack("=I", value)


def _name(name: str) -> bytes:
    return attribute(_LINK_NAME, name.encode() + b"\0")


def _link(what: str, kind: int, *attributes: bytes, index: int = 0, flags: int = 0, up: int = 0,
          forgive: frozenset[int] = frozenset()) -> Request:  # fmt: skip
    body = _LINK_FIELDS.pack(0, 0, index, up, up) + b"".join(attributes)
    return Request(what=what, body=body, kind=kind, flags=flags, forgive=forgive)


def _hardware(address: str) -> bytes:
    return bytes(int(byte, 16) for byte in address.split(":"))


def pair(inner: str, index: int, outer: str, home: int, address: str) -> Request:
    """A veth pair: ``inner`` (with that index) here, ``outer`` in the namespace behind the descriptor ``home``."""
    peer = b"".join(
        [
            _LINK_FIELDS.pack(0, 0, 0, 0, 0),
            _name(outer),
            attribute(_LINK_ADDRESS, _hardware(hardware(address, 1))),
            attribute(_LINK_NAMESPACE, _number(home)),
        ]
    )
    info = attribute(_INFO_KIND, b"veth") + attribute(_INFO_DATA, attribute(_INFO_PEER, peer))
    return _link(
        f"add the interfaces {inner} and {outer}",
        _NEW_LINK,
        _name(inner),
        attribute(_LINK_ADDRESS, _hardware(hardware(address, 0))),
        attribute(_LINK_INFO, info),
        index=index,
        flags=CREATE | EXCLUSIVE,
    )


def up(index: int) -> Request:
    return _link(f"set interface {index} up", _NEW_LINK, index=index, up=_UP)


def not_running(names: Iterable[str], patience: float) -> frozenset[str]:
    """Those that do not carry packets yet after ``patience`` seconds. Being up is asked for, running is what comes of it."""
    waiting, end = set(names), monotonic() + patience
    with socket(AF_INET, SOCK_DGRAM) as asking:
        while waiting:
            waiting -= {name for name in waiting if _flags(asking, name) & _RUNNING}
            if monotonic() > end:
                break
            if waiting:
                sleep(_MOMENT)
    return frozenset(waiting)


def _flags(asking: socket, name: str) -> int:
    answer = ioctl(asking, _GET_FLAGS, pack("16sH22x", name.encode(), 0))
    return int(unpack_from("16xH", answer)[0])


def delete(names: Iterable[str]) -> list[Request]:
    """The pairs that these are one end of. One that is gone is as wanted.

    All as one group: each removal alone waits until the whole machine has let go of it, some 30 ms, and so does one of many.
    """
    gone = frozenset({_NO_DEVICE})
    group = attribute(_LINK_GROUP, _number(_LEAVING))
    marked = [_link(f"let go of the interface {name}", _NEW_LINK, _name(name), group, forgive=gone) for name in names]
    return [*marked, _link("delete interfaces", _DELETE_LINK, group, forgive=gone)] if marked else []


def _address(what: str, index: int, ip: str, length: int) -> Request:
    raw = inet_aton(ip)
    body = _ADDRESS_FIELDS.pack(AF_INET, length, 0, _GLOBAL, index)
    body += attribute(_ADDRESS_LOCAL, raw) + attribute(_ADDRESS_ADDRESS, raw)
    return Request(
        what=what, body=body, kind=_NEW_ADDRESS, flags=CREATE | EXCLUSIVE, forgive=frozenset({_EXISTS})
    )  # having it already is as wanted


def address(index: int, ip: str) -> Request:
    """``ip``/32 on the interface."""
    return _address(f"add the address {ip}", index, ip, 32)


def everything_of(network: IPv4Network) -> Request:
    """On the loopback: each address of the network is ours, and whoever listens on one is met there."""
    return _address(f"add the addresses {network}", LOOPBACK, str(network.network_address), network.prefixlen)


def neighbour(index: int, ip: str, hardware_address: str) -> Request:
    body = _NEIGHBOUR_FIELDS.pack(AF_INET, index, _PERMANENT, 0, 0)
    body += attribute(_NEIGHBOUR_ADDRESS, inet_aton(ip)) + attribute(_NEIGHBOUR_HARDWARE, _hardware(hardware_address))
    return Request(what=f"add the neighbour {ip}", body=body, kind=_NEW_NEIGHBOUR, flags=CREATE | REPLACE)


def default_route(index: int, gateway: str) -> Request:
    by = attribute(_ROUTE_BY, _number(index)) + attribute(_ROUTE_GATEWAY, inet_aton(gateway))
    return _route("add the default route", 0, _GLOBAL, _ON_LINK, by)


def route(index: int, ip: str, source: str) -> Request:
    """``ip`` is behind that interface; what goes there starts from ``source``."""
    to = attribute(_ROUTE_TO, inet_aton(ip)) + attribute(_ROUTE_BY, _number(index))
    return _route(f"add the route to {ip}", 32, _LINK, 0, to + attribute(_ROUTE_SOURCE, inet_aton(source)))


def _route(what: str, length: int, scope: int, flags: int, attributes: bytes) -> Request:
    fields = _ROUTE_FIELDS.pack(AF_INET, length, 0, 0, _MAIN, _STATIC, scope, _UNICAST, flags)
    return Request(what=what, body=fields + attributes, kind=_NEW_ROUTE, flags=CREATE | REPLACE)
