"""The thread that ticks, and how long it rests between two ticks."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from twinstage.controller.tick import Controller
from twinstage.runtime.runtime import StaleFence
from twinstage.store.trouble import StaleEpoch

PERIOD = 1.0
"""Seconds between ticks when nobody asks for one."""
BUSY = 0.3
"""Seconds between ticks while a release is on its way, at most: what it waits for is only ever seen by looking."""
REST = 4
"""So many times as long as such a tick took nothing is done after it, so that looking takes a fifth of a core, if that is less."""

log = logging.getLogger(__name__)


class Ticker:
    """Ticks each second, oftener while a release is on its way, at once when woken or when a release came a step further.

    A failed tick costs a second.
    """

    def __init__(self, controller: Controller, now: Callable[[], datetime]) -> None:
        self._controller, self._now = controller, now
        self._woken = threading.Event()
        self._ended = False
        self.hindered = ""
        """What kept the last tick from its end, in words; empty when nothing did."""
        self._thread: threading.Thread | None = None

    def start(self, after: int, stop: Callable[[], None]) -> None:
        """Takes the store, with an epoch above ``after``, and ticks. ``stop``: called once a newer controller has taken over."""
        self._controller.start(self._now(), after)
        self._thread = threading.Thread(target=self._run, args=(stop,), name="tick", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def end(self) -> None:
        """Returns when the tick in hand is over, or five seconds later."""
        self._ended = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self, stop: Callable[[], None]) -> None:
        while not self._ended:
            self._woken.clear()
            began = time.monotonic()
            try:
                self._controller.tick(self._now(), began)
                self.hindered = ""
            except (StaleEpoch, StaleFence) as error:
                log.error("stopping: %s", error)
                stop()
                return
            except Exception as trouble:
                if (words := hindrance(trouble)) != self.hindered:
                    log.exception("a tick failed; the next one looks again")
                self.hindered = words
            self._woken.wait(pause(self._controller, time.monotonic() - began, failed=bool(self.hindered)))


def pause(controller: Controller, took: float, *, failed: bool) -> float:
    """Seconds until the next tick, after one that took so long."""
    if failed or not controller.busy:
        return PERIOD
    if controller.moved:
        return 0.0
    rest = min(BUSY, REST * took)
    return rest if controller.due is None else min(rest, max(controller.due - took, 0.0))


def hindrance(trouble: Exception) -> str:
    """One line for people: SQLAlchemy's own words bring the statement and an address on the web."""
    if isinstance(trouble, DBAPIError):
        return f"the store: {trouble.orig}"
    return f"{type(trouble).__name__}: {trouble}" if str(trouble) else type(trouble).__name__
