"""Other processes: what can be seen of them, signalled, shared with them, or was left open by them."""

import ctypes
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from twinstage.inside.probe.technique import NOTHING, Targets, answered, technique

_MOST = 4096
"""Process ids that are tried: those of a machine's long-running programs are among the first."""
_KEYS = 256
_SHM_STAT = 13
_PR_GET_NO_NEW_PRIVS = 39
_FILTERED = 2
_LIBC = ctypes.CDLL(None, use_errno=True)
_SEEN = ("root", "cwd", "exe", "fd", "environ", "mem", "maps", "ns/net")


def _own() -> set[int]:
    """Itself, its parents up to the first process, and all whose parents these are: everything of one sandbox."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "status").read_text()
            except OSError:
                continue  # ended meanwhile
            parents[int(entry.name)] = int(status.split("PPid:")[1].split()[0])
    own = {os.getpid(), 1}
    while more := {pid for pid, parent in parents.items() if parent in own and pid not in own}:
        own |= more
    return own | ({os.getppid()} if os.getppid() else set())


def _listed(_t: Targets) -> Iterator[str]:
    """All that /proc lists descend from the sandbox's own first process, which runs nothing but our few lines."""
    own = _own()
    foreign = [e.name for e in Path("/proc").iterdir() if e.name.isdecimal() and int(e.name) not in own]
    yield f"listed <{foreign[0]}>" if foreign else NOTHING
    first = Path("/proc/1/cmdline").read_bytes().split(b"\0")
    yield NOTHING if b"/twinstage/init" in first else f"the first process is <{b' '.join(first)[:80]!r}>"


def _opened(path: str) -> str:
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    return f"opened <{path}>"


def _looked(_t: Targets) -> Iterator[str]:
    """Of processes that are not listed, too: a number is all it takes."""
    own = _own()
    for pid in range(1, _MOST):
        if pid not in own:
            for name in _SEEN:
                path = f"/proc/{pid}/{name}"
                said = answered(_opened, path)
                yield said


def _signalled(_t: Targets) -> Iterator[str]:
    own = _own()
    for pid in (*range(2, _MOST), 1 << 21):
        if pid not in own:
            yield answered(os.kill, pid, 0)


def _pidfds(_t: Targets) -> Iterator[str]:
    own = _own()
    for pid in range(2, _MOST):
        if pid not in own:
            yield answered(os.pidfd_open, pid)


def _system_v(_t: Targets) -> Iterator[str]:
    """Shared memory, semaphores and queues: what is listed, and what there is under the first keys."""
    for name in ("shm", "sem", "msg"):
        lines = Path(f"/proc/sysvipc/{name}").read_text().splitlines()[1:]
        yield f"listed <{lines[0].strip()[:40]}>" if lines else NOTHING
    asked: tuple[Callable[[int], int], ...] = (
        lambda key: int(_LIBC.shmget(key, 0, 0)),
        lambda key: int(_LIBC.semget(key, 0, 0)),
        lambda key: int(_LIBC.msgget(key, 0)),
    )
    for ask in asked:
        for key in range(1, _KEYS):
            yield f"found <{key}>" if ask(key) >= 0 else NOTHING
    status = ctypes.create_string_buffer(256)
    for number in range(64):
        yield f"found <{number}>" if _LIBC.shmctl(number, _SHM_STAT, status) >= 0 else NOTHING


def _posix(_t: Targets) -> Iterator[str]:
    for directory in ("/dev/shm", "/dev/mqueue"):
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            names = []
        yield f"found <{directory}/{names[0]}>" if names else NOTHING


def _descriptors(_t: Targets) -> Iterator[str]:
    """Standard input is nothing, the output a pipe; whatever else was open before the interpreter began was left by somebody.

    Read of the parent, which began the techniques: this process has the pipe of its own answer besides.
    """
    before = f"/proc/{os.getppid()}/fd"
    for name in os.listdir(before):
        number = int(name)
        if number > 2:
            yield f"left open <{number} {os.readlink(f'{before}/{name}')}>" if not _of_ours(before, name) else NOTHING
        elif number == 0:
            yield (
                NOTHING
                if os.readlink(f"{before}/0") == "/dev/null"
                else f"standard input is <{os.readlink(f'{before}/0')}>"
            )
        else:
            mode = os.stat(f"{before}/{name}").st_mode
            yield NOTHING if stat.S_ISFIFO(mode) else f"output is <{os.readlink(f'{before}/{name}')}>"


def _of_ours(before: str, name: str) -> bool:
    """The pipe that this technique's answer goes through: the same one is open here."""
    target = os.readlink(f"{before}/{name}")
    mine = {os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if _there(n) and int(n) > 2}
    return target.startswith("pipe:") and target in mine


def _there(name: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{name}")


def _capabilities(_t: Targets) -> Iterator[str]:
    """None held, none to be had: also not by a program that would give some."""
    lines = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        yield NOTHING if int(lines[name], 16) == 0 else f"{name} <{lines[name]}>"
    privileges = _LIBC.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
    yield NOTHING if privileges == 1 else "no_new_privs is off"
    filtered = int(lines["Seccomp"])
    yield NOTHING if filtered == _FILTERED else "there is no filter of system calls"


def _environment(_t: Targets) -> Iterator[str]:
    """Only what its stand names: whatever else is there was left by somebody."""
    known = {
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
        "PWD",
        "SHLVL",
        "OLDPWD",
        "_",
        "LC_CTYPE",
    }
    for name in os.environ:
        yield NOTHING if name in known else f"left <{name}>"


# fmt: off
TECHNIQUES = (
    technique("processes listed", "whatever /proc lists that is not of its own sandbox", NOTHING, _listed),
    technique("processes looked into", "/proc/PID/{root,cwd,exe,fd,environ,mem,maps,ns}", "ENOENT", _looked),
    technique("signals", "signal 0 to every process id", "ESRCH", _signalled),
    technique("pidfds", "a descriptor of every process id", "ESRCH|EINVAL|ENOENT", _pidfds),
    technique("System V memory", "shared memory, semaphores, queues", NOTHING, _system_v),
    technique("POSIX memory", "shared memory and queues by name", NOTHING, _posix),
    technique("descriptors left open", "whatever was open before it began", NOTHING, _descriptors),
    technique("capabilities", "any, in any set; no_new_privs; the filter", NOTHING, _capabilities),
    technique("environment left", "variables that nobody meant for it", NOTHING, _environment),
)
# fmt: on
