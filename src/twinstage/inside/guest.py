"""What a visitor's processes take upon themselves, so that they have every wall of the instance they are in.

Entering namespaces brings their capabilities along, and leaves behind what a program is born with in there: the filter of system
calls, the end of privileges, limits, the control group. Nothing here may need a file of ours: it runs where none is.
"""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from twinstage.inside.standing import Standing

_DEATH, _DUMPABLE, _SECCOMP, _DROP_BOUNDING, _REAPER, _NO_NEW, _AMBIENT = 1, 4, 22, 24, 36, 38, 47
_FILTER, _CLEAR_ALL, _VERSION = 2, 4, 0x20080522
_SIZE = 8
"""Bytes of an instruction of the filter."""
NOT_FOUND, NOT_RUN = 127, 126
_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def control(option: int, first: int = 0, second: int = 0) -> None:
    """prctl. Raises OSError."""
    if _libc.prctl(option, first, second, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"cannot take on a wall (prctl {option}): {os.strerror(number)}")


def hide() -> None:
    """From the instance's own programs, which have the same number: nothing of this process's memory and files is theirs."""
    control(_DUMPABLE, 0)


def sooner(adjust: int) -> None:
    """Where memory runs out, the kernel takes this process, and those it starts, as soon as the instance's own."""
    Path("/proc/self/oom_score_adj").write_text(str(adjust))


def die_with_parent(number: signal.Signals) -> None:
    control(_DEATH, number)


def adopt_orphans() -> None:
    """So that whatever is started below, and whoever lets go of it, has this process as its parent in the end."""
    control(_REAPER, 1)


def wall(filter: bytes) -> None:
    """No capability, now or ever again; the filter of system calls; no new privileges. For good. Raises OSError."""
    with suppress(OSError):  # a kernel without them
        control(_AMBIENT, _CLEAR_ALL)
    for capability in range(64):
        try:
            control(_DROP_BOUNDING, capability)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            break  # there are no more
    header, none = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    if _libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "cannot drop the capabilities")
    control(_NO_NEW, 1)
    text = ctypes.create_string_buffer(filter, len(filter))
    program = _Program(len(filter) // _SIZE, ctypes.addressof(text))
    control(_SECCOMP, _FILTER, ctypes.addressof(program))


_OBEYED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGQUIT)
"""What a command dies of unless it says otherwise. Python ignores some; `nohup twinstage up` hands a deaf ear for the hang-up,
by which a visit ends, on to everything that is started below it."""


def become(standing: Standing, command: Sequence[str], streams: Sequence[int], terminal: str | None) -> NoReturn:
    """This process becomes the command, as the instance stands. ``streams``: what its input, output and errors are.

    ``terminal``: what kind the terminal is, where they are one. Never returns: where the command cannot be run, it says so
    and ends as a shell would.
    """
    status = NOT_RUN
    try:
        os.setsid()
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
        if terminal is not None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for group in standing.groups:
            os.write(group, b"0")
        os.fchdir(standing.directory)
        for number in _OBEYED:
            signal.signal(number, signal.SIG_DFL)
        environment = dict(standing.environment) | ({"TERM": terminal} if terminal else {})
        leave_open(0, 1, 2)
        for kind, bounds in standing.limits.items():
            resource.setrlimit(kind, bounds)
        os.execvpe(command[0], list(command), environment)  # noqa: S606 - no shell is the point
    except FileNotFoundError:
        status = NOT_FOUND
        _say(f"cannot run {command[0]}: the instance has no such program")
    except (OSError, ValueError) as error:
        _say(f"cannot run {command[0]}: {getattr(error, 'strerror', None) or error}")
    finally:
        os._exit(status)


def leave_open(*kept: int) -> None:
    """Close every other descriptor."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is wanted
        if int(name) not in kept:
            with suppress(OSError):
                os.close(int(name))


def _say(text: str) -> None:
    with suppress(OSError):
        os.write(2, f"twinstage: {text}\n".encode(errors="replace"))


# ------------------------------------------------------------------------------------------------ who is below whom


def below_us() -> list[int]:
    """All that this process started and what these did, as far as it runs. Nothing of anybody else."""
    parents: Mapping[int, int] = dict(_parents())
    found: set[int] = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {os.getpid()})


def _parents() -> list[tuple[int, int]]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with suppress(OSError):
                fields = Path("/proc", name, "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    found.append((int(name), int(fields[1])))
    return found
