"""How much a job has written below one directory, looked at now and then while it runs."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

PERIOD = 1.0
_PART = 20
"""A look takes at most one part in so many of the time: a tree that takes long to look at is looked at less often."""


class Room:
    """``most``: bytes on the disk. ``due`` says when to look next, in ``clock``'s seconds."""

    def __init__(self, directory: Path, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.directory, self.most = directory, most
        self._clock = clock
        self.due = clock() + PERIOD

    def exceeded(self) -> bool:
        """Look, if it is time to. Ends as soon as there is too much, so what is small costs little and what is large is bounded."""
        began = self._clock()
        if began < self.due:
            return False
        found = self._measure() > self.most
        now = self._clock()
        self.due = now + max(PERIOD, _PART * (now - began))
        return found

    def _measure(self) -> int:
        total, waiting = 0, [str(self.directory)]
        while waiting and total <= self.most:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        seen = entry.stat(follow_symlinks=False)
                        total += seen.st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
            except OSError as trouble:
                if trouble.errno == errno.ENAMETOOLONG:
                    return self.most + 1  # deeper than can be looked: what is there would be counted by nobody
                continue  # it went, or is closed, between two looks
        return total
