"""Crossings, one JSON line each, appended to ``crossings.jsonl`` for the controller to read by offset.

A file that has grown large is left, and the next one begins: ``crossings.<offset>.jsonl`` says in its name how many bytes
there are before it. So offsets go on for ever, no file ever changes its name while somebody reads it, and one that was read
may be taken away.

The first of a kind is written at once; repeats of the same caller and target within a second become one line with their
count at its end, and while they go on the seconds become half a minute. What a caller can make us write and remember is
bounded (tally.py): beyond a number of different targets of a kind they share one line, which says how many there were.
"""

import errno
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from twinstage.inside.tally import Book, Repeat
from twinstage.inside.targets import Target
from twinstage.inside.wires import Wire

_LONGEST_LINE = 1 << 16


@dataclass(kw_only=True)
class Report:
    """The file and what is counted but not written. ``now`` gives UTC for the lines, ``clock`` seconds for the windows."""

    path: Path
    """The first file's; the others lie beside it."""
    now: Callable[[], datetime]
    clock: Callable[[], float]
    most: int = 4 << 20
    """Bytes after which the next file begins."""
    _file: int = field(init=False)
    _begins: int = field(init=False)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter, init=False)
    """Crossings since this sentinel started, by kind and answer."""
    unread: int = field(default=0, init=False)
    """How often the guard told of more datagrams than could be read."""
    _books: dict[str, Book] = field(default_factory=dict, init=False)
    """By wire."""
    _unwritten: list[Repeat] = field(default_factory=list, init=False)
    _stuck: bool = field(default=False, init=False)
    """The disk refused the last line: only `flush` tries again, so that an attempt costs no more than its count."""

    def __post_init__(self) -> None:
        self._begins = max(files(self.path), default=0)
        self._file = self._opened()
        _drop_unfinished(self._file)

    def add(self, caller: Wire, target: Target, answered: str) -> None:
        """Record one crossing. ``answered``: ``403``, ``closed``, ``NXDOMAIN`` or ``dropped``."""
        self.counts[(target.kind, answered)] += 1
        repeat = self._books.setdefault(caller.id, Book()).entry(caller, target, answered)
        if repeat.count == 0:
            moment, now = self.clock(), self.now()
            if moment >= repeat.due and not self._stuck and self._write(repeat, now, 1):
                repeat.wait(moment)
                return
            repeat.at = now
            self._unwritten.append(repeat)
        repeat.count += 1

    def flush(self, *, everything: bool = False) -> None:
        """Write the repeats whose window is over, or all of them. To be called a few times a second."""
        moment = self.clock()
        due = [repeat for repeat in self._unwritten if everything or repeat.due <= moment]
        self._unwritten = [repeat for repeat in self._unwritten if not everything and repeat.due > moment]
        for number, repeat in enumerate(due):
            if not self._write(repeat, repeat.at or self.now(), repeat.count):
                self._unwritten += due[number:]  # what one line has no room for, the others need not try
                return
            repeat.at, repeat.count = None, 0
            repeat.wait(moment)

    def keep(self, wires: Collection[str]) -> None:
        """Forget what was tried from any other wire, once it is written."""
        unwritten = {repeat.caller.id for repeat in self._unwritten}
        self._books = {name: book for name, book in self._books.items() if name in wires or name in unwritten}

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

    def _write(self, repeat: Repeat, at: datetime, count: int) -> bool:
        """False when the disk refuses: it stays counted and is tried again."""
        line = _line(repeat, at, count)
        try:
            self._turn()
            written = os.write(self._file, line)
            if written < len(line):  # a full disk: half a line would spoil the next one too
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if not self._stuck:
                print(f"cannot record a crossing in {self.path}: {error}: free some space", file=sys.stderr, flush=True)
            self._stuck = True
            return False
        self._stuck = False
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


def _line(repeat: Repeat, at: datetime, count: int) -> bytes:
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
        "advice": repeat.advice,
        "count": count,
    }
    return json.dumps(fields, ensure_ascii=True).encode() + b"\n"
