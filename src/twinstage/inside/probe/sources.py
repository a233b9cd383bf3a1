"""Pretending to be somebody else: source addresses that are not its own, and changes of its own network."""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator

from twinstage.inside.probe.network import SENTINEL, SILENCE, told
from twinstage.inside.probe.technique import ALLOWED, NOTHING, Targets, answered, technique

_IP_FREEBIND, _IP_TRANSPARENT, _IP_OPTIONS, _SO_MARK, _SO_BINDTODEVICE = 15, 19, 4, 36, 25
_PATIENCE = 1.0
_NEWLINK, _NEWADDR, _NEWROUTE = 16, 20, 24
_REQUEST, _ACK, _CREATE = 1, 4, 0x400
_ASKED = b"GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"


def _neighbour(t: Targets) -> str:
    return t.neighbours[0][0] if t.neighbours else "10.64.0.99"


def _port(t: Targets) -> int:
    return (t.undeclared or t.across or (10000,))[0]


def _from(t: Targets, source: str, *options: tuple[int, int]) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        link.settimeout(_PATIENCE)
        for level, option in options:
            link.setsockopt(level, option, 1)
        link.bind((source, 0))
        return _ask(t, link)


def _option(level: int, option: int, value: int | bytes) -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        yield answered(link.setsockopt, level, option, value)


def _device(t: Targets) -> Iterator[str]:
    """Bound to a device of its own it is still caught; there is none but its own."""
    own = {"lo"} | {name for _, name in socket.if_nameindex()}
    for name in sorted(own | {"eth0", "docker0"}):
        yield answered(_by, t, name)


def _by(t: Targets, name: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        link.settimeout(_PATIENCE)
        link.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, name.encode())
        return _ask(t, link)


def _ask(t: Targets, link: socket.socket) -> str:
    try:
        link.connect((t.gateway, _port(t)))
        link.sendall(_ASKED)
        return told(link.recv(8192))
    except TimeoutError:
        return SILENCE


def _links(_t: Targets) -> Iterator[str]:
    """There is one wire, and its own loopback."""
    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    yield NOTHING if len(names) <= 1 else f"links: {', '.join(names)}"


def _netlink(kind: int, flags: int, body: bytes) -> str:
    message = struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.settimeout(_PATIENCE)
        link.send(message)
        answer = link.recv(8192)
    (number,) = struct.unpack_from("=i", answer, 16)
    if number < 0:
        raise OSError(-number, os.strerror(-number))
    return ALLOWED


def _wire() -> int:
    return next((number for number, name in socket.if_nameindex() if name != "lo"), 1)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _add_address(t: Targets) -> Iterator[str]:
    taken = socket.inet_aton(_neighbour(t))
    body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, _wire()) + _attribute(1, taken) + _attribute(2, taken)
    yield answered(_netlink, _NEWADDR, _CREATE, body)


def _add_route(_t: Targets) -> Iterator[str]:
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, 254, 3, 0, 1, 0)
    body += _attribute(1, socket.inet_aton("198.51.100.7")) + _attribute(4, struct.pack("=I", _wire()))
    yield answered(_netlink, _NEWROUTE, _CREATE, body)


def _new_link(_t: Targets) -> Iterator[str]:
    kind = _attribute(18, _attribute(1, b"dummy\0"))
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + _attribute(3, b"probe0\0") + kind
    yield answered(_netlink, _NEWLINK, _CREATE, body)


def _raise_link(_t: Targets) -> Iterator[str]:
    """Without a change: its flags as they would be anyway."""
    yield answered(_netlink, _NEWLINK, 0, struct.pack("=BxHiII", 0, 0, _wire(), 1, 1))


def _ioctl(request: int) -> Iterator[str]:
    """Of the old way to change a network: asked with its present flags."""
    libc = ctypes.CDLL(None, use_errno=True)
    name = next((name for _, name in socket.if_nameindex() if name != "lo"), "lo").encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        asked = ctypes.create_string_buffer(name + b"\0" * (16 - len(name)) + struct.pack("=H22x", 0x43), 40)
        if libc.ioctl(link.fileno(), ctypes.c_ulong(request), asked) < 0:
            raise OSError(ctypes.get_errno(), "refused")
    yield ALLOWED


# fmt: off
TECHNIQUES = (
    technique("a neighbour's source address", "bound as a neighbour's", "EADDRNOTAVAIL",
              lambda t: [answered(_from, t, _neighbour(t))]),
    technique("a free source address", "IP_FREEBIND, and then called from a neighbour's address",
              f"EADDRNOTAVAIL|EINVAL|ENETUNREACH|{SILENCE}",
              lambda t: [answered(_from, t, _neighbour(t), (socket.SOL_IP, _IP_FREEBIND))]),
    technique("a loopback source address", "called as 127.0.0.1 and 127.0.0.9, as if from the gateway itself",
              f"{SENTINEL}|{SILENCE}|EINVAL|ENETUNREACH",
              lambda t: [answered(_from, t, address) for address in ("127.0.0.1", "127.0.0.9")]),
    technique("the gateway's source address", "bound as the gateway", "EADDRNOTAVAIL",
              lambda t: [answered(_from, t, t.gateway)]),
    technique("a transparent source address", "IP_TRANSPARENT", "EPERM",
              lambda _t: _option(socket.SOL_IP, _IP_TRANSPARENT, 1)),
    technique("source routing", "IP options that name the way", "EPERM",
              lambda t: _option(socket.SOL_IP, _IP_OPTIONS, b"\x83\x07\x04" + socket.inet_aton(t.gateway) + b"\0")),
    technique("a mark on packets", "SO_MARK, which filters and routes look at", "EPERM",
              lambda _t: _option(socket.SOL_SOCKET, _SO_MARK, 1)),
    technique("another device", "SO_BINDTODEVICE to each that there might be",
              f"{SENTINEL}|{SILENCE}|ENODEV|EPERM|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED", _device),
    technique("other links", "what its network has besides its wire", NOTHING, _links),
    technique("netlink: an address", "a neighbour's address on its own wire", "EPERM", _add_address),
    technique("netlink: a route", "a way past the gateway", "EPERM", _add_route),
    technique("netlink: a link", "a device of its own", "EPERM", _new_link),
    technique("netlink: its wire", "its wire's flags", "EPERM", _raise_link),
    technique("ioctl: its wire", "its wire's flags, the old way", "EPERM", lambda _t: _ioctl(0x8914)),
)
# fmt: on
