"""Crossings, one JSON line each, appended to ``crossings.jsonl`` for the controller to read by offset.

A file that has grown large is left, and the next one begins: ``crossings.<offset>.jsonl`` says in its name how many bytes
there are before it. So offsets go on for ever, no file ever changes its name while somebody reads it, and one that was read
may be taken away.

The first of a kind is written at once; repeats of the same caller and target within a second become one line with their
count at its end. What a caller can make us write in a second is bounded: beyond a number of different targets they share
one line.
"""

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from twinstage.inside.targets import OTHER_ECOSYSTEM, Target
from twinstage.inside.wires import Wire

WINDOW = 1.0
"""Seconds for which repeats are counted before they are written."""
_TARGETS_PER_CALLER = 50
_TARGETS = 2000
_LONGEST_LINE = 1 << 16
_REST = "many other places"


@dataclass(kw_only=True)
class _Repeat:
    """What happened again since its line was written."""

    caller: Wire
    target: Target
    answered: str
    due: float
    at: datetime | None = None
    count: int = 0


@dataclass(kw_only=True)
class Report:
    """The file and what is counted but not written. ``now`` gives UTC for the lines, ``clock`` seconds for the windows."""

    path: Path
    """The first file's; the others lie beside it."""
    now: Callable[[], datetime]
    clock: Callable[[], float]
    total: int = 0
    """Crossings since this sentinel started."""
    most: int = 4 << 20
    """Bytes after which the next file begins."""
    _file: int = field(init=False)
    _begins: int = field(init=False)
    _repeats: dict[tuple[str, str, str], _Repeat] = field(default_factory=dict, init=False)
    _targets: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._begins = max(files(self.path), default=0)
        self._file = self._opened()
        _drop_unfinished(self._file)

    def add(self, caller: Wire, target: Target, answered: str) -> None:
        """Record one crossing. ``answered``: ``403``, ``closed`` or ``NXDOMAIN``."""
        self.total += 1
        key = (caller.id, target.target, answered)
        if key not in self._repeats and self._crowded(caller):
            rest = f"{_REST} in the other ecosystem" if target.kind == OTHER_ECOSYSTEM else _REST
            target = Target(kind=target.kind, target=rest, advice=target.advice)
            key = (caller.id, f"{target.kind} {rest}", answered)
        repeat = self._repeats.get(key)
        if repeat is not None:
            repeat.count += 1
            repeat.at = repeat.at or self.now()
            return
        self._targets[caller.id] = self._targets.get(caller.id, 0) + 1
        repeat = _Repeat(caller=caller, target=target, answered=answered, due=self.clock() + WINDOW)
        if not self._write(repeat, self.now(), 1):
            repeat.at, repeat.count = self.now(), 1
        self._repeats[key] = repeat

    def flush(self, *, everything: bool = False) -> None:
        """Write the repeats whose window is over, or all of them. To be called a few times a second."""
        moment = self.clock()
        for key, repeat in list(self._repeats.items()):
            if repeat.due > moment and not everything:
                continue
            if repeat.count and repeat.at is not None:
                if self._write(repeat, repeat.at, repeat.count):
                    repeat.at, repeat.count = None, 0
                repeat.due = moment + WINDOW
            else:
                del self._repeats[key]
                left = self._targets.get(repeat.caller.id, 1) - 1
                if left:
                    self._targets[repeat.caller.id] = left
                else:
                    self._targets.pop(repeat.caller.id, None)

    def _opened(self) -> int:
        name = segment(self.path, self._begins)
        file = os.open(name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        os.fchmod(file, 0o640)
        return file

    def _turn(self) -> None:
        """Begin the next file where the present one has grown large."""
        size = os.fstat(self._file).st_size
        if size < self.most:
            return
        present = self._file
        self._begins += size
        self._file = self._opened()
        os.close(present)

    def close(self) -> None:
        self.flush(everything=True)
        os.close(self._file)

    def _crowded(self, caller: Wire) -> bool:
        return self._targets.get(caller.id, 0) >= _TARGETS_PER_CALLER or len(self._repeats) >= _TARGETS

    def _write(self, repeat: _Repeat, at: datetime, count: int) -> bool:
        """False when the disk refuses: it stays counted and is tried again."""
        line = _line(repeat, at, count)
        try:
            self._turn()
            written = os.write(self._file, line)
            if written < len(line):  # a full disk: half a line would spoil the next one too
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            print(f"cannot record a crossing in {self.path}: {error}: free some space", file=sys.stderr, flush=True)
            return False
        return True


def segment(path: Path, begins: int) -> Path:
    """The file that begins at this offset."""
    return path if begins == 0 else path.with_suffix(f".{begins}{path.suffix}")


def files(path: Path) -> dict[int, Path]:
    """Every file that is there, by the offset at which it begins."""
    found = {0: path} if path.exists() else {}
    for other in path.parent.glob(f"{path.stem}.*{path.suffix}"):
        begins = other.name.removeprefix(f"{path.stem}.").removesuffix(path.suffix)
        if begins.isdecimal():
            found[int(begins)] = other
    return found


def _drop_unfinished(file: int) -> None:
    """A line that a kill cut off. Nobody has read it: readers take whole lines."""
    size = os.fstat(file).st_size
    start = max(0, size - _LONGEST_LINE)
    tail = os.pread(file, _LONGEST_LINE, start)
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(file, start + tail.rfind(b"\n") + 1)


def _line(repeat: _Repeat, at: datetime, count: int) -> bytes:
    caller, target = repeat.caller, repeat.target
    fields: dict[str, Any] = {
        "at": at.isoformat(),
        "wire": caller.id,
        "source": dict(caller.source),
        "service": caller.service,
        "release": caller.release,
        "target": target.target,
        "kind": target.kind,
        "answered": repeat.answered,
        "advice": target.advice,
        "count": count,
    }
    return json.dumps(fields, ensure_ascii=True).encode() + b"\n"
