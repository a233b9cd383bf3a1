"""Sockets that are no network's: Unix sockets by path and by name, and families that no network namespace holds."""

import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from twinstage.inside.probe.technique import ALLOWED, NOTHING, Targets, answered, technique

_PATIENCE = 2.0
_ABSTRACT = ("@/tmp/.X11-unix/X0", "@/org/freedesktop/systemd1/notify", "@/containerd-shim/shim", "@envoy_domain_socket_parent_0",
             "@envoy_domain_socket_child_0", "@supervisor", "@sentinel", "@twinstage", "@dbus")  # fmt: skip
_KNOWN = ("/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket", "/run/systemd/private",
          "/var/run/postgresql/.s.PGSQL.5432", "/tmp/.s.PGSQL.5432", "/tmp/supervisor.sock")  # fmt: skip
_VSOCK, _PACKET, _ALG, _XDP, _TIPC, _BLUETOOTH, _KCM, _RDS = 40, 17, 38, 44, 30, 31, 41, 21


def _connected(path: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(_PATIENCE)
        link.connect(path if not path.startswith("@") else "\0" + path[1:])
    return f"connected <{path}>"


def _paths(t: Targets) -> Iterator[str]:
    for path in (*t.sockets, *_KNOWN):
        yield answered(_connected, path)


def _past_root(t: Targets) -> Iterator[str]:
    """By the roots and working directories that /proc shows."""
    for before in ("/proc/1/root", "/proc/self/root/..", "/proc/1/cwd", "/proc/self/cwd/../.."):
        for path in t.sockets[:20]:
            whole = f"{before}{path}"
            # A path that is too long for a socket's name is reached through its directory instead.
            yield answered(_seen, whole)


def _seen(path: str) -> str:
    os.stat(path)
    return f"seen <{path}>"


def _abstract(_t: Targets) -> Iterator[str]:
    for name in _ABSTRACT:
        yield answered(_connected, name)


def _listed(_t: Targets) -> Iterator[str]:
    """What listens in this network under a name of any kind."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    named = [line.split()[-1] for line in lines if len(line.split()) > 7]
    yield f"listed <{named[0]}>" if named else NOTHING


def _family(family: int, kind: int, protocol: int = 0) -> str:
    """By the system call itself: the interpreter may not know the family."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.socket(family, kind, protocol)
    if number < 0:
        raise OSError(ctypes.get_errno(), "refused")
    os.close(number)
    return ALLOWED


def _vsock(_t: Targets) -> Iterator[str]:
    """The machine below this one, and others beside it: no network namespace has to do with them."""
    yield answered(_family, _VSOCK, socket.SOCK_STREAM)
    yield answered(_family, _VSOCK, socket.SOCK_DGRAM)


def _raw(_t: Targets) -> Iterator[str]:
    for family in (socket.AF_INET, socket.AF_INET6):
        for protocol in (1, 6, 17, 255):
            yield answered(_family, family, socket.SOCK_RAW, protocol)


def _others(_t: Targets) -> Iterator[str]:
    for family in (_ALG, _XDP, _TIPC, _BLUETOOTH, _KCM, _RDS):
        for kind in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM, socket.SOCK_RAW, socket.SOCK_DGRAM):
            yield answered(_family, family, kind)


def _netlinks(_t: Targets) -> Iterator[str]:
    """Audit, netfilter, uevents, crypto, generic: all but the one that libc asks for its own addresses."""
    for protocol in (4, 9, 12, 15, 16, 20, 21):
        yield answered(_family, socket.AF_NETLINK, socket.SOCK_RAW, protocol)


# fmt: off
TECHNIQUES = (
    technique("unix sockets by path", "supervisord's, Envoy's, the sentinel's, PostgreSQL's, the API's, docker's",
              "ENOENT|ENOTDIR|EACCES", _paths),
    technique("unix sockets past the root", "the same, by the roots that /proc shows", "ENOENT|ENOTDIR|EACCES|EPERM", _past_root),
    technique("unix sockets by name", "abstract ones that supervisors, proxies and desktops have", "ECONNREFUSED", _abstract),
    technique("unix sockets in its network", "all that are listed", NOTHING, _listed),
    technique("vsock", "the virtual machine's host", "EAFNOSUPPORT|EPERM", _vsock),
    technique("packet sockets", "frames of its wire", "EPERM|EAFNOSUPPORT",
              lambda _t: [answered(_family, _PACKET, kind, 0x0300) for kind in (2, 3)]),
    technique("raw sockets", "packets made by hand", "EPERM", _raw),
    technique("other families", "alg, xdp, tipc, bluetooth, kcm, rds", "EAFNOSUPPORT|EPERM", _others),
    technique("netlink families", "audit, netfilter, uevents, generic, crypto", "EPERM", _netlinks),
)
# fmt: on
