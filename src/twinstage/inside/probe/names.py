"""Names: those of the other ecosystem, those of the world, and questions that carry something out."""

import base64
import os
import socket
import struct
from collections.abc import Iterator

from twinstage.inside.probe.network import SILENCE
from twinstage.inside.probe.technique import Targets, answered, technique

NXDOMAIN = "NXDOMAIN"
_PATIENCE = 2.0
_A, _TXT, _NULL = 1, 16, 10
_RCODES = {0: "an answer", 1: "FORMERR", 2: "SERVFAIL", 3: NXDOMAIN, 4: "NOTIMP", 5: "REFUSED"}
_ELSEWHERE = ("8.8.8.8", "1.1.1.1", "127.0.0.53", "127.0.0.11", "169.254.169.253")


def question(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def _asked(name: str, server: str, kind: int = _A, stream: bool = False) -> str:
    packet = question(name, kind)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as link:
        link.settimeout(_PATIENCE)
        try:
            link.connect((server, 53))
            link.sendall(struct.pack("!H", len(packet)) + packet if stream else packet)
            answer = link.recv(4096)[2 if stream else 0 :]
        except TimeoutError:
            return SILENCE
    if len(answer) < 12:
        return f"answered <{answer!r}>"
    said = _RCODES.get(answer[3] & 0xF, "another answer")
    return said if said == NXDOMAIN else f"{said} <{name}>"


def _across(t: Targets) -> list[str]:
    other = "production" if t.ecosystem == "staging" else "staging"
    services = t.names[:4] or ("orders",)
    return [other, *(f"{service}.{other}" for service in services), *(f"{s}.{other}.svc" for s in services), *services]


def _names(t: Targets, *, stream: bool) -> Iterator[str]:
    for name in (*_across(t), "example.com", "localhost.localdomain", "host.docker.internal"):
        yield answered(_asked, name, t.gateway, _A, stream)


def _tunnel(t: Targets) -> Iterator[str]:
    """What it would carry: a label that no resolver has seen before, and an answer with room for a reply."""
    for kind in (_TXT, _NULL, _A):
        carried = base64.b32encode(os.urandom(30)).decode().lower().rstrip("=")
        yield answered(_asked, f"{carried}.t.example.com", t.gateway, kind)


def _elsewhere(_t: Targets) -> Iterator[str]:
    for server in _ELSEWHERE:
        yield answered(_asked, "example.com", server)
        yield answered(_asked, "example.com", server, _A, True)


def _resolved(t: Targets) -> Iterator[str]:
    """As programs ask: files, then names."""
    for name in (*_across(t), "example.com"):
        try:
            found = socket.getaddrinfo(name, 443, proto=socket.IPPROTO_TCP)
        except socket.gaierror:
            yield "no such name"
        else:
            yield f"found <{found[0][4][0]}>"


# fmt: off
TECHNIQUES = (
    technique("names", "the other ecosystem's, neighbours' and the world's", NXDOMAIN, lambda t: _names(t, stream=False)),
    technique("names over tcp", "the same", NXDOMAIN, lambda t: _names(t, stream=True)),
    technique("names as a tunnel", "questions that carry data, with room for a reply", NXDOMAIN, _tunnel),
    technique("names from elsewhere", "public resolvers, and those of other platforms", f"{NXDOMAIN}|{SILENCE}|ECONNREFUSED",
              _elsewhere),
    technique("names by the system", "getaddrinfo", "no such name", _resolved),
)
# fmt: on
