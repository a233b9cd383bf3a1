"""Reaching what listens elsewhere: TCP, UDP and ICMP, by every address that might lead there."""

import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator

from twinstage.inside.probe.technique import Targets, answered, technique

SENTINEL = "403 of the sentinel"
SILENCE = "silence"
NOBODY = "ECONNREFUSED"
"""The right answer on loopback alone: that is its own, so nobody but itself can listen there."""
_PATIENCE = 3.0
_SHORT = 0.3
_AGAIN = 3
_PACE = 0.005
"""Seconds before a connection: the guard resets what comes faster, and that would not be the answer of the wall behind it."""
_MOST = 48
"""Connections in one technique: a hundred services times every address would keep the sentinel busy for minutes."""
_ASKED = b"GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"
_OUTSIDE = (("198.51.100.7", 443), ("192.0.2.1", 80), ("1.1.1.1", 443))
_LINK_LOCAL = ("169.254.0.1", "169.254.169.254")
_MPTCP, _SCTP, _DCCP, _UDPLITE = 262, 132, 33, 136
Place = tuple[str, int]


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _asked(connection: socket.socket) -> str:
    connection.sendall(_ASKED)
    said = b""
    while len(said) < 8192 and (more := connection.recv(4096)):
        said += more
    return told(said)


def told(said: bytes) -> str:
    """Who answered: the sentinel's problem document names what was wanted."""
    if said.startswith(b"HTTP/1.1 403 ") and b"Not reachable from" in said and b"application/problem+json" in said:
        return SENTINEL
    if not said:
        return "closed without a word"
    return f"answered <{said[:60].decode('ascii', 'replace').splitlines()[0]}>"


def tcp(place: Place, protocol: int = 0) -> str:
    """One connection, asked again where it was closed without a word: the sentinel does that when it has too many."""
    said = ""
    for _ in range(_AGAIN):
        time.sleep(_PACE)
        with socket.socket(_family(place[0]), socket.SOCK_STREAM, protocol) as connection:
            connection.settimeout(_PATIENCE)
            try:
                connection.connect(place)
                said = _asked(connection)
            except TimeoutError:
                return SILENCE
        if said != "closed without a word":
            break
    return said


def udp(place: Place) -> str:
    with socket.socket(_family(place[0]), socket.SOCK_DGRAM) as link:
        link.settimeout(_SHORT)
        link.sendto(b"anybody?", place)
        try:
            return f"answered <{link.recv(100)!r}>"
        except TimeoutError:
            return SILENCE


def _each(call: Callable[[Place], str], places: Iterable[Place]) -> Iterator[str]:
    """Which of them it was only where that matters: an answer that is no refusal."""
    for number, place in enumerate(places):
        if number >= _MOST:
            return
        said = answered(call, place)
        yield said if said in (SENTINEL, SILENCE) or said.isupper() else f"{said} <{place[0]} {place[1]}>"


def _at(addresses: Iterable[str], ports: Iterable[int]) -> list[Place]:
    return [(address, port) for port in ports for address in addresses]


def _mapped(t: Targets) -> list[str]:
    return [f"::ffff:{address}" for address in (t.gateway, *t.machine)]


def _datagrams(places: list[Place]) -> Iterator[str]:
    """All are sent first, and then listened to together: silence takes its time."""
    links: list[socket.socket] = []
    for place in places[:_MOST]:
        link = socket.socket(_family(place[0]), socket.SOCK_DGRAM)
        links.append(link)
        said = answered(link.sendto, b"anybody?", place)
        if said != "allowed":
            yield said
    loud = select.select(links, [], [], _SHORT * 2)[0]
    for link in loud:
        yield answered(_heard, link)
    if len(loud) < len(links):
        yield SILENCE


def _heard(link: socket.socket) -> str:
    return f"answered <{link.recv(100)!r}>"


def _cast(_targets: Targets) -> Iterator[str]:
    for address in ("255.255.255.255", "224.0.0.251", "10.127.255.255"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            link.settimeout(_SHORT)
            yield answered(_said, link, (address, 5353))


def _said(link: socket.socket, place: Place) -> str:
    link.sendto(b"anybody?", place)
    try:
        return f"answered <{link.recv(100)!r}>"
    except TimeoutError:
        return SILENCE


def _ping(kind: socket.SocketKind) -> Callable[[Targets], Iterator[str]]:
    def attempt(t: Targets) -> Iterator[str]:
        for address in (t.gateway, *t.machine, *(a for a, _ in t.neighbours[:4])):
            yield answered(_echo, kind, address)

    return attempt


def _echo(kind: socket.SocketKind, address: str) -> str:
    with socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as link:
        link.settimeout(_SHORT)
        return _said(link, (address, 0))


def _fast_open(t: Targets) -> Iterator[str]:
    """The data goes with the first packet, before anybody accepted the connection."""
    for port in t.across[:4]:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
            # Not settimeout: that would make it a call which does not wait, and the answer none.
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("=qq", int(_PATIENCE), 0))
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("=qq", int(_PATIENCE), 0))
            link.sendto(_ASKED, socket.MSG_FASTOPEN, (t.gateway, port))
            yield told(link.recv(8192))


def _kinds(t: Targets) -> Iterator[str]:
    for kind, protocol in (
        (socket.SOCK_STREAM, _SCTP),
        (socket.SOCK_SEQPACKET, _SCTP),
        (socket.SOCK_DGRAM, _UDPLITE),
        (6, _DCCP),
    ):
        with socket.socket(socket.AF_INET, kind, protocol) as link:
            link.settimeout(_SHORT)
            yield answered(link.connect, (t.gateway, t.across[0] if t.across else 80))


# fmt: off
TECHNIQUES = (
    technique("tcp by loopback", "the other ecosystem's ports on 127.0.0.1, 127.0.0.2, 0.0.0.0", f"{SENTINEL}|{NOBODY}",
              lambda t: _each(tcp, _at(("127.0.0.1", "127.0.0.2", "0.0.0.0"), t.across))),
    technique("tcp by mapped loopback", "the other ecosystem's ports on ::ffff:127.0.0.1", f"{SENTINEL}|{NOBODY}",
              lambda t: _each(tcp, _at(("::ffff:127.0.0.1",), t.across))),
    technique("tcp by gateway", "the other ecosystem's ports on the gateway", SENTINEL,
              lambda t: _each(tcp, _at((t.gateway,), t.across))),
    technique("tcp by machine", "the other ecosystem's ports on every address of the machine", SENTINEL,
              lambda t: _each(tcp, _at(t.machine, t.across))),
    technique("tcp by link-local", "the other ecosystem's ports, and metadata services, on 169.254.0.0/16", SENTINEL,
              lambda t: _each(tcp, _at(_LINK_LOCAL, (80, *t.across)))),
    technique("tcp by mapped address", "the other ecosystem's ports on ::ffff:0:0/96", SENTINEL,
              lambda t: _each(tcp, _at(_mapped(t), t.across))),
    technique("tcp by IPv6", "the other ecosystem's ports on ::1, fe80::1 and every address of the machine",
              "EADDRNOTAVAIL|ENETUNREACH|EAFNOSUPPORT|EINVAL",
              lambda t: _each(tcp, _at(("::1", "fe80::1", *t.machine6), t.across))),
    technique("mptcp", "the other ecosystem's ports by multipath TCP", f"{SENTINEL}|EPROTONOSUPPORT|EPERM",
              lambda t: _each(lambda place: tcp(place, _MPTCP), _at((t.gateway,), t.across[:8]))),
    technique("tcp fast open", "data in the first packet to the other ecosystem's ports", SENTINEL, _fast_open),
    technique("tcp to undeclared", "frontends and the database of its own ecosystem that it does not declare", SENTINEL,
              lambda t: _each(tcp, _at((t.gateway, "127.0.0.1"), t.undeclared))),
    technique("tcp to neighbours", "other instances' backends, past the proxy", SENTINEL,
              lambda t: _each(tcp, t.neighbours or [("10.127.255.65", 8000)])),
    technique("tcp to outside", "hosts beyond the machine", SENTINEL, lambda _t: _each(tcp, _OUTSIDE)),
    technique("tcp to the gateway", "whatever else might listen there: 22, 80, 111, 2375, 5432, 9901, 15000", SENTINEL,
              lambda t: _each(tcp, _at((t.gateway,), (22, 80, 111, 2375, 5432, 9901, 15000)))),
    technique("udp by gateway", "the other ecosystem's ports on the gateway", SILENCE,
              lambda t: _datagrams(_at((t.gateway,), t.across or (14000,)))),
    technique("udp by loopback", "the other ecosystem's ports on loopback", f"{SILENCE}|{NOBODY}",
              lambda t: _datagrams(_at(("127.0.0.1", "127.0.0.2"), t.across or (14000,)))),
    technique("udp by machine", "the other ecosystem's ports on every address of the machine, also mapped", SILENCE,
              lambda t: _datagrams(_at((*t.machine, *_mapped(t)), t.across or (14000,)))),
    technique("udp by IPv6", "the other ecosystem's ports on ::1 and every address of the machine",
              "EADDRNOTAVAIL|ENETUNREACH|EAFNOSUPPORT|EINVAL",
              lambda t: _each(udp, _at(("::1", *t.machine6), (t.across or (14000,))[:8]))),
    technique("udp to neighbours and outside", "other instances' backends, and hosts beyond the machine", SILENCE,
              lambda t: _datagrams([*t.neighbours, *_OUTSIDE])),
    technique("broadcast and multicast", "whoever listens", f"{SILENCE}|ENETUNREACH|EACCES|EPERM", _cast),
    technique("other transports", "sctp, dccp and udp-lite", f"EPROTONOSUPPORT|ESOCKTNOSUPPORT|EPERM|{SILENCE}", _kinds),
    technique("icmp", "an echo request to the gateway, the machine and neighbours", "EACCES|EPERM", _ping(socket.SOCK_DGRAM)),
    technique("icmp by raw socket", "the same, made by hand", "EPERM", _ping(socket.SOCK_RAW)),
)
# fmt: on
