"""How long nothing has happened in a visit: by this one that was forgotten is found.

A terminal's times are the kernel's own: of what was last typed, and last shown. Pipes between a command and whoever runs it have no
times, and a descriptor that looked into them would keep them open when one side has gone. So of a command at pipes it is asked what
its processes have read and written in all, wherever: while one of them does either, or comes, or goes, it is at work.
"""

import os
import time
from collections.abc import Callable, Iterator

Look = Callable[[], object]
"""Something that differs once anything has happened; None where that cannot be told."""


class Quiet:
    """Measured from when it was made, on the clock that nobody sets."""

    def __init__(self, look: Look, clock: Callable[[], float] = time.monotonic) -> None:
        self._look, self._clock = look, clock
        self._seen, self._since = look(), clock()

    def seconds(self) -> float:
        """Since the first look that found things as they are. What cannot be told counts as something that happens."""
        seen, now = self._look(), self._clock()
        if seen is None or seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since


def at_terminal(name: str) -> Look:
    """Its times, which the kernel writes every eight seconds."""

    def look() -> object:
        try:
            seen = os.stat(name)  # noqa: PTH116
        except OSError:
            return None
        return seen.st_atime_ns, seen.st_mtime_ns

    return look


def of_processes(proc: int, root: int) -> Look:
    """Bytes that all below ``root`` have read and written. ``proc``: a directory of processes in which ``root`` has that number,
    open for reading; there may be no path to it. What a process did counts on as its parent's when it ends."""

    def look() -> object:
        found: dict[int, str] = {}
        try:
            for pid in _below(proc, root):
                if (told := _read(proc, f"{pid}/io")) is not None:
                    found[pid] = told
        except OSError:
            return None  # the kernel does not count, or does not tell us
        return found

    return look


def _below(proc: int, root: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir(proc):
        if name.isdigit() and (told := _read(proc, f"{name}/stat")) is not None:
            # The second field is the program's name in parentheses and may hold anything.
            children.setdefault(int(told.rpartition(")")[2].split()[1]), []).append(int(name))
    waiting = children.get(root, [])
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, ())


def _read(proc: int, path: str) -> str | None:
    """None where the process has gone. Raises OSError."""
    try:
        with open(path, opener=lambda name, flags: os.open(name, flags, dir_fd=proc), errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
