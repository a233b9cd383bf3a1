"""Trees are read beside whoever asks: one at a time, and nobody waits long for an answer."""

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Any, TypeVar, cast

T = TypeVar("T")

PATIENCE = 0.3
"""Seconds. Most trees are read sooner; a controller's whole tick has a second."""
_FRESH = 30.0
"""Seconds that a late answer counts: long enough for who asked to ask again, more than once in one piece of work."""


class Unread(OSError):
    """The tree is large and still being read: ask again. Neither the release's fault nor lasting."""


class Readings:
    """``clock``: seconds that only ever rise."""

    def __init__(self, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="trees")
        self._lock = Lock()
        self._late: dict[Hashable, tuple[Future[Any], list[float]]] = {}

    def of(self, what: Hashable, read: Callable[[], T]) -> T:
        """The answer of ``read``, begun by this call or by an earlier one for the same ``what``. Raises Unread, or what it raises.

        While another reading is late nobody waits at all: so a tick with many trees in it is not longer than one.
        """
        with self._lock:
            now = self._clock()
            self._late = {w: late for w, late in self._late.items() if not late[1] or now - late[1][0] <= _FRESH}
            known = self._late.get(what)
            behind = any(not done for _, done in self._late.values())
            future, done = known or self._begin(read)
        wait([future], timeout=0 if behind or known else self._patience)
        if not future.done():
            with self._lock:
                self._late[what] = (future, done)
            raise Unread(f"{what} is large and still being read; ask again in a moment")
        return cast(T, future.result())

    def _begin(self, read: Callable[[], T]) -> tuple[Future[Any], list[float]]:
        done: list[float] = []
        future = self._pool.submit(read)
        future.add_done_callback(lambda _: done.append(self._clock()))
        return future, done
