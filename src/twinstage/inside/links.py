"""Interfaces, addresses, routes and neighbours: the rtnetlink requests that a wire is made of.

Both ends of a wire know each other's hardware address from the start (it is made from the IP address): there is no ARP
to wait for, and no entry of the machine's one neighbour table, which is shared by all its namespaces, to run out of.
"""

from collections.abc import Iterable
from fcntl import ioctl
from socket import AF_INET, SOCK_DGRAM, inet_aton, socket
from struct import pack, unpack_from
from time import monotonic, sleep
from typing import Any

from pyroute2.netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from pyroute2.netlink.rtnl import RTM_DELLINK, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWROUTE
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import NUD_PERMANENT, ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from twinstage.inside.netlink import Request

LOOPBACK = 1
"""The index of ``lo`` in every network namespace."""
_UP, _RUNNING = 1, 0x40
_GET_FLAGS, _MOMENT = 0x8913, 0.002
_ON_LINK = 4
_MAIN, _STATIC, _UNICAST = 254, 4, 1
_GLOBAL, _LINK = 0, 253
_EXISTS, _NO_DEVICE = 17, 19


def hardware(address: str, end: int) -> str:
    """A locally administered hardware address for one end of the wire with that IP address: 0 the instance's, 1 ours."""
    return ":".join(f"{byte:02x}" for byte in (2, end, *inet_aton(address)))


def _request(what: str, message: Any, kind: int, fields: dict[str, int], *attributes: tuple[str, Any], flags: int = 0,
             forgive: frozenset[int] = frozenset()) -> Request:  # fmt: skip
    for name, number in fields.items():
        message[name] = number
    message["attrs"] = [list(pair) for pair in attributes]
    return Request(what=what, message=message, kind=kind, flags=flags, forgive=forgive)


def pair(inner: str, index: int, outer: str, home: int, address: str) -> Request:
    """A veth pair: ``inner`` (with that index) here, ``outer`` in the namespace behind the descriptor ``home``."""
    peer = {
        "attrs": [
            ("IFLA_IFNAME", outer),
            ("IFLA_ADDRESS", hardware(address, 1)),
            ("IFLA_NET_NS_FD", home),
        ]
    }
    info = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]})]}
    return _request(
        f"add the interfaces {inner} and {outer}",
        ifinfmsg(),
        RTM_NEWLINK,
        {"index": index},
        ("IFLA_IFNAME", inner),
        ("IFLA_ADDRESS", hardware(address, 0)),
        ("IFLA_LINKINFO", info),
        flags=NLM_F_CREATE | NLM_F_EXCL,
    )


def up(index: int) -> Request:
    return _request(f"set interface {index} up", ifinfmsg(), RTM_NEWLINK, {"index": index, "flags": _UP, "change": _UP})


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


def delete(name: str) -> Request:
    """The pair that ``name`` is one end of. One that is gone is as wanted."""
    return _request(
        f"delete the interface {name}",
        ifinfmsg(),
        RTM_DELLINK,
        {},
        ("IFLA_IFNAME", name),
        forgive=frozenset({_NO_DEVICE}),
    )


def address(index: int, ip: str) -> Request:
    """``ip``/32 on the interface; having it already is as wanted."""
    return _request(
        f"add the address {ip}",
        ifaddrmsg(),
        RTM_NEWADDR,
        {"family": AF_INET, "prefixlen": 32, "scope": _GLOBAL, "index": index},
        ("IFA_LOCAL", ip),
        ("IFA_ADDRESS", ip),
        flags=NLM_F_CREATE | NLM_F_EXCL,
        forgive=frozenset({_EXISTS}),
    )


def neighbour(index: int, ip: str, hardware_address: str) -> Request:
    return _request(
        f"add the neighbour {ip}",
        ndmsg(),
        RTM_NEWNEIGH,
        {"family": AF_INET, "ifindex": index, "state": NUD_PERMANENT},
        ("NDA_DST", ip),
        ("NDA_LLADDR", hardware_address),
        flags=NLM_F_CREATE | NLM_F_REPLACE,
    )


def default_route(index: int, gateway: str) -> Request:
    return _route("add the default route", 0, _GLOBAL, _ON_LINK, ("RTA_OIF", index), ("RTA_GATEWAY", gateway))


def route(index: int, ip: str, source: str) -> Request:
    """``ip`` is behind that interface; what goes there starts from ``source``."""
    return _route(f"add the route to {ip}", 32, _LINK, 0, ("RTA_DST", ip), ("RTA_OIF", index), ("RTA_PREFSRC", source))


def _route(what: str, length: int, scope: int, flags: int, *attributes: tuple[str, Any]) -> Request:
    fields = {
        "family": AF_INET,
        "dst_len": length,
        "table": _MAIN,
        "proto": _STATIC,
        "scope": scope,
        "type": _UNICAST,
        "flags": flags,
    }
    return _request(what, rtmsg(), RTM_NEWROUTE, fields, *attributes, flags=NLM_F_CREATE | NLM_F_REPLACE)
