"""A job's log: everything while it is short, the beginning and the end when it is not."""

import os
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self


class JobLog:
    """Written as it comes up to half of ``limit`` bytes; of what follows the last half is kept and written at the end.

    The file only ever grows, so whoever follows it by offset reads on. Mode 0640.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._room = max(limit // 2, 1)
        self._tail: deque[bytes] = deque()
        self._tail_room = max(limit - self._room, 1)
        self._held = 0
        self._dropped = 0
        self.beginning = b""
        """The first kilobyte, to tell the sandbox's own complaint from the program's."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        if len(self.beginning) < 1024:
            self.beginning = (self.beginning + data)[:1024]
        now, later = data[: self._room], data[self._room :]
        if now:
            self._room -= len(now)
            self._put(now)
        if later:
            self._hold(later)

    def close(self) -> None:
        """Write what was held back. Raises OSError when the disk is full."""
        if self._file < 0:
            return
        file = self._file
        try:
            if self._dropped:
                self._put(f"\n... {self._dropped} bytes left out: the log is longer than is kept ...\n".encode())
            self._put(b"".join(self._tail))
        finally:
            self._file = -1
            os.close(file)

    def _hold(self, data: bytes) -> None:
        self._tail.append(data)
        self._held += len(data)
        while self._held > self._tail_room:
            first = self._tail.popleft()
            excess = self._held - self._tail_room
            kept = first[excess:]
            if kept:
                self._tail.appendleft(kept)
            gone = len(first) - len(kept)
            self._held -= gone
            self._dropped += gone

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
