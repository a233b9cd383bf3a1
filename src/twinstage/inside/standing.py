"""How an instance stands, read from its first process: what whoever is let in beside it has to be like.

All of it is told by the kernel, but for the environment: that lies in the memory of a process of the instance, which only the
instance itself could change. Nothing here is trusted beyond it.
"""

import ctypes
import os
import resource
import select
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twinstage.inside import warden

_ENVIRONMENT = 4 << 20
"""Bytes at most: a service's secrets are half a MiB."""
_NAMESPACES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "ipc": 0x8000000,
    "uts": 0x4000000,
}
_CGROUP = {"cgroup": 0x2000000}
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
_libc = ctypes.CDLL(None, use_errno=True)


class Absent(Exception):
    """Nobody can be let in. The message says why, for people."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """``process``: a descriptor of its first process; ``directory``: of the directory in which it works."""

    process: int
    directory: int
    namespaces: int
    environment: Mapping[str, str]
    limits: Mapping[int, tuple[int, int]]
    groups: tuple[int, ...]
    """Descriptors, open for writing, of the lists of processes of its control groups."""
    sooner: int
    """How much sooner than others the kernel takes it when memory runs out."""
    filter: bytes
    """Its filter of system calls."""

    def over(self, within: float) -> bool:
        """Has the instance ended, or does it within so many seconds?"""
        return bool(select.select([self.process], [], [], within)[0])

    def enter(self) -> None:
        """This process, and those that it starts, into its namespaces: with all capabilities over them, until they are dropped."""
        if _libc.setns(self.process, self.namespaces):
            number = ctypes.get_errno()
            raise Absent(f"cannot enter its namespaces: {os.strerror(number)}")


def standing(id: str, desired: Path, groups: Path = Path("/groups")) -> Standing:
    """Of the instance that this place calls ``id``. Raises Absent."""
    seen = warden.processes()
    root = next((pid for pid, name in warden.launchers(seen, str(desired / "launch")).items() if name == id), None)
    if root is None:
        raise Absent("it does not run")
    below = list(warden.below(seen, root))
    first = next((pid for pid in below if _is_first(pid)), None)
    # Its first process takes its limits upon itself before it starts anything: without a child it may not have them yet.
    if first is None or not any(it.parent == first for it in seen.values()):
        raise Absent("it is starting just now")
    try:
        process = os.pidfd_open(first)
        if not _is_first(first) or _parent(first) != seen[first].parent:
            raise Absent("it has just ended")
        return _read(id, root, first, process, desired, groups)
    except OSError as error:
        raise Absent(f"it has just ended, or cannot be looked at: {error.strerror}") from None


def _read(id: str, root: int, first: int, process: int, desired: Path, groups: Path) -> Standing:
    here = Path("/proc", str(first))
    with (here / "environ").open("rb") as file:
        environment = file.read(_ENVIRONMENT).split(b"\0")
    pairs = (os.fsdecode(line).partition("=") for line in environment if b"=" in line)
    kinds = _NAMESPACES | {k: v for k, v in _CGROUP.items() if _differs(here, k)}
    return Standing(
        process=process,
        directory=os.open(here / "cwd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC),
        namespaces=sum(kinds.values()),
        environment={name: value for name, _, value in pairs if name},
        limits={kind: resource.prlimit(first, kind) for kind in _LIMITS},
        groups=tuple(
            os.open(it, os.O_WRONLY | os.O_CLOEXEC) for it in sorted(groups.glob(f"*/{id}.{root}/cgroup.procs"))
        ),
        sooner=int((here / "oom_score_adj").read_text()),
        filter=(desired / "filter.bpf").read_bytes(),
    )


def _differs(here: Path, kind: str) -> bool:
    return (here / "ns" / kind).readlink() != Path("/proc/self/ns", kind).readlink()


def _is_first(pid: int) -> bool:
    """Number one of a namespace of its own, and bubblewrap no more."""
    with suppress(OSError):
        told = Path("/proc", str(pid), "status").read_text().splitlines()
        names = next((line.split()[1:] for line in told if line.startswith("NSpid:")), [])
        return len(names) == 2 and names[1] == "1" and _words(pid)[1:2] == [b"/twinstage/init"]
    return False


def _words(pid: int) -> list[bytes]:
    return Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")


def _parent(pid: int) -> int:
    return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])
