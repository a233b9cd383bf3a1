"""Network namespaces: made, pinned to a file, entered and let go, by the calling thread alone.

A namespace is pinned by mounting it on an empty file. Whoever reads ``<pin>.ready`` may enter it: the file appears when
everything in it is done, and holds what it was made from.
"""

import ctypes
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_NEW_NETWORK = 0x40000000
_BIND = 4096
_DETACH = 2
_LISTEN = "0A"
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot {what}: {os.strerror(number)}")


def here() -> int:
    """A descriptor of the calling thread's network namespace. ``/proc/self`` would be the first thread's."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _enter(descriptor: int, what: str) -> None:
    _check(_libc.setns(descriptor, _NEW_NETWORK), what)


@contextmanager
def made(pin: Path, home: int) -> Iterator[None]:
    """Inside a new namespace, pinned to ``pin``; back in ``home`` afterwards, also when something fails."""
    pin.touch(mode=0o600, exist_ok=False)
    _check(_libc.unshare(_NEW_NETWORK), "make a network namespace")
    try:
        source = b"/proc/thread-self/ns/net"
        _check(_libc.mount(source, os.fsencode(pin), None, _BIND, None), f"pin a network namespace to {pin}")
        yield
    finally:
        _enter(home, "go back to the ecosystem's network namespace")


@contextmanager
def entered(pin: Path, home: int) -> Iterator[None]:
    """Inside the namespace pinned to ``pin``; back in ``home`` afterwards."""
    descriptor = os.open(pin, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(descriptor, f"enter the network namespace {pin}")
    finally:
        os.close(descriptor)
    try:
        yield
    finally:
        _enter(home, "go back to the ecosystem's network namespace")


def is_pinned(pin: Path) -> bool:
    """A namespace is mounted there, and not only the empty file that one was going to be mounted on."""
    with suppress(FileNotFoundError):
        return pin.stat().st_dev != pin.parent.stat().st_dev
    return False


def unpin(pin: Path) -> None:
    """Let go of it; it ends with the last process inside. Does nothing where there is none."""
    while pin.exists() and is_pinned(pin):
        _check(_libc.umount2(os.fsencode(pin), _DETACH), f"unmount {pin}")
    pin.unlink(missing_ok=True)


def settings(values: Mapping[str, str]) -> None:
    """Write those below /proc/sys/net of the calling thread's namespace. One this kernel lacks (IPv6) is no loss."""
    for key, value in values.items():
        with suppress(FileNotFoundError):
            Path("/proc/sys/net", key).write_text(value)


def preferences(values: Mapping[str, str]) -> None:
    """`settings` that only some kernels let a user's namespace have, and that everything works without."""
    for key, value in values.items():
        with suppress(FileNotFoundError, PermissionError):
            Path("/proc/sys/net", key).write_text(value)


def interfaces() -> frozenset[str]:
    """Names of the interfaces in the calling thread's namespace."""
    return frozenset(name for _, name in socket.if_nameindex())


def listening() -> frozenset[int]:
    """TCP ports on which something listens in the calling thread's namespace, on whatever address."""
    ports: set[int] = set()
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):
            rows = Path("/proc/thread-self/net", name).read_text().splitlines()[1:]
            ports |= {
                int(place.rpartition(":")[2], 16) for _, place, _, state, *_ in map(str.split, rows) if state == _LISTEN
            }
    return frozenset(ports)
