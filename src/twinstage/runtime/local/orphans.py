"""What a company's core started, and what of it nobody told of its supervisor's end.

A program of the core ends with its supervisor, but not one that was just being started: the kernel tells of the end of a parent
from then on when one asks. Such a one holds the company's ports or its socket, and stops the next supervisor's.
"""

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path

import psutil

from twinstage.runtime.local.sandbox.toolchain import BWRAP

_MOUNTS = Path("/proc/self/mountinfo")


def started(core: Path) -> list[int]:
    """Pids of what the core's supervisor started and still runs: each was told its file below the core's directory."""
    mark, found = f"{core}/", []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it ended between two looks
            if process.status() != psutil.STATUS_ZOMBIE and any(word.startswith(mark) for word in process.cmdline()):
                found.append(process.pid)
    return found


def end(directories: Collection[Path], programs: Collection[str]) -> int:
    """Kill what runs one of these programs of the company whose directories these are, while no supervisor of it runs.

    Returns how many there were. What they started ends with them: each is the first process of its sandbox.
    """
    places = [_place(directory) for directory in directories]
    found = [process for process in psutil.process_iter() if _is_one(process, places, programs)]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(found, timeout=10)
    return len(found)


def _is_one(process: psutil.Process, places: Collection["_Place"], programs: Collection[str]) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        words = process.cmdline()
        if not words or Path(words[0]).name != BWRAP.rpartition("/")[2] or "--hostname" not in words:
            return False
        name = words[words.index("--hostname") + 1]
        return name in programs and _sees(Path("/proc", str(process.pid), "mountinfo").read_text(), places)
    return False


def _sees(mounts: str, places: Collection["_Place"]) -> bool:
    """Is one of these directories, or one below it, mounted there?"""
    from_where = [(fields[2], f"{_plain(fields[3])}/") for fields in map(str.split, mounts.splitlines())]
    return any(device == its and source.startswith(f"{path}/") for device, path in places for its, source in from_where)


_Place = tuple[str, str]
"""(device, path on that file system), as mountinfo names where a mount comes from."""


def _place(directory: Path) -> _Place:
    whole = directory.resolve()
    lines = [line.split() for line in _MOUNTS.read_text().splitlines()]
    # The longest one that it lies below; of those at one place the last, which hides the others.
    over = [it for it in lines if whole.is_relative_to(_plain(it[4]))]
    mount = max(enumerate(over), key=lambda pair: (len(_plain(pair[1][4])), pair[0]))[1]
    path = Path(_plain(mount[3])) / whole.relative_to(_plain(mount[4]))
    return mount[2], str(path)


def _plain(escaped: str) -> str:
    """mountinfo writes spaces and their like in octal."""
    return os.fsdecode(escaped.encode().decode("unicode_escape").encode("latin-1"))
