"""What a process lacks of the walls of an instance, read from outside: /proc tells of each what the kernel holds it to."""

import ctypes
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from twinstage.model.bounds import Bounds

_KINDS = {
    "user": "users of its own",
    "net": "a network of its own",
    "mnt": "mounts of its own",
    "pid": "processes of its own",
    "ipc": "memory to share of its own",
    "uts": "a host name of its own",
}
_BOUNDS = (str(Bounds().processes), str(Bounds().files))
_NEW_USERS = 0x10000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_VARIABLES = frozenset({"PATH", "HOME", "LANG", "TZ", "HOST", "PORT", "PWD", "OLDPWD", "SHLVL", "_"})
"""What every program has; whatever else is there must be meant for it."""
_MEMORY = ("/tmp", "/dev/shm")
_KERNELS = ("/proc", "/dev")


def lacks(pid: int, ecosystem: int, meant: frozenset[str] = frozenset()) -> set[str]:
    """Names of the walls that do not stand around it; empty for an instance. ``ecosystem``: the pid of its first process;
    ``meant``: variables that its definition gives it."""
    return {name for name, stands in _walls(pid, ecosystem, meant) if not stands}


def _walls(pid: int, ecosystem: int, meant: frozenset[str]) -> Iterator[tuple[str, bool]]:
    here, around = Path(f"/proc/{pid}"), Path(f"/proc/{ecosystem}")
    for kind, name in _KINDS.items():
        others = ((around / "ns" / kind).readlink(), Path(f"/proc/self/ns/{kind}").readlink())
        yield name, (here / "ns" / kind).readlink() not in others
    yield "no new user namespaces", not _can_make_users(pid)
    status = _status(here)
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    yield "no capability", all(int(status[name], 16) == 0 for name in sets)
    yield "no new privileges", status["NoNewPrivs"] == "1"
    yield "the filter of system calls", status["Seccomp"] == "2"
    yield from _mounts(here, around)
    names = {line.partition(b"=")[0].decode() for line in (here / "environ").read_bytes().split(b"\0") if line}
    yield "a clean environment", names <= _VARIABLES | meant
    yield "no descriptor of others", all(int(fd.name) <= 2 for fd in (here / "fd").iterdir())
    yield "a session of its own", _session(here) != _session(around) and _session(here) != str(os.getsid(0))
    limits = (here / "limits").read_text().splitlines()
    bound = {line[:26].strip(): line[26:].split()[0] for line in limits}
    yield "limits of its own", (bound["Max processes"], bound["Max open files"]) == _BOUNDS


def _status(here: Path) -> Mapping[str, str]:
    return dict(line.split(":\t", 1) for line in (here / "status").read_text().splitlines() if ":\t" in line)


def _session(here: Path) -> str:
    return (here / "stat").read_text().rpartition(")")[2].split()[3]


def _mounts(here: Path, around: Path) -> Iterator[tuple[str, bool]]:
    mounts, theirs = _mounted(here), {device for device, _, _ in _mounted(around).values()}
    for place in _MEMORY:
        device, _, kind = mounts.get(place, ("", (), ""))
        yield f"{place} of its own", kind == "tmpfs" and device not in theirs
    yield "/proc of its own", sum(entry.name.isdigit() for entry in (here / "root/proc").iterdir()) < 12
    writable = {
        place
        for place, (_, options, kind) in mounts.items()
        if "ro" not in options and place not in (*_MEMORY, "/proc") and not place.startswith("/dev/")
    }
    yield "a root that is read-only", "/" not in writable
    yield (
        "an artifact that is read-only",
        not {place for place in writable if place.startswith(("/artifacts", "/opt", "/usr"))},
    )
    yield "nothing of its neighbours", not {"/desired", "/state", "/sockets", "/run/ns", "/run/secrets"} & mounts.keys()
    yield "a /dev that is read-only", "/dev" not in writable


def _mounted(here: Path) -> dict[str, tuple[str, tuple[str, ...], str]]:
    """Place -> (device, options, kind); the last one mounted there is the one that is seen."""
    found = {}
    for line in (here / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        _, _, device, _, place, options = before.split()[:6]
        found[place] = (device, tuple(options.split(",")), after.split()[0])
    return found


def _can_make_users(pid: int) -> bool:
    """Whether somebody in its user namespace, with every capability there and no filter, can make another one."""
    inner = int(Path(f"/proc/{pid}/uid_map").read_text().split()[0])
    handle = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        entered = _LIBC.setns(handle, _NEW_USERS) == 0 and not _LIBC.setresgid(inner, inner, inner)
        made = entered and not _LIBC.setresuid(inner, inner, inner) and _LIBC.unshare(_NEW_USERS) == 0
        os._exit(0 if made else 1 if entered else 2)
    os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 1
