"""Counts every call by which a controller touches the world, before and after, and kills it at the one that is told.

The controller touches the world only through Store and Runtime, so wrapping both finds every place where it can die.
"""

from collections.abc import Callable
from typing import Any

EFFECTS = frozenset(
    {"take", "commit", "configure", "open", "introduce", "put_workload", "delete_workload", "put_route",
     "delete_route", "put_job", "delete_job", "discard"}
)  # fmt: skip
"""Calls after which the world is another one. Between two of them all places to die leave the same world behind."""


class Crash(BaseException):
    """Not an Exception: nothing in the product can swallow it."""


class Tripwire:
    """``at``: the number of the point to die at; None: never. ``passing`` is told of each point, for whoever counts."""

    def __init__(self, at: int | None = None, passing: Callable[[str, bool], None] | None = None) -> None:
        self.at = at
        self.count = 0
        self.passing = passing

    def point(self, name: str, effect: bool) -> None:
        if self.passing is not None:
            self.passing(name, effect)
        self.count += 1
        if self.at is not None and self.count > self.at:
            self.at = None
            raise Crash(name)

    def wrap(self, real: Any) -> Any:
        return _Wrapped(self, real)


class _Wrapped:
    def __init__(self, wire: Tripwire, real: Any) -> None:
        self._wire, self._real = wire, real

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self._wire.point(f"before {name}", False)
            result = value(*args, **kwargs)
            self._wire.point(f"after {name}", name in EFFECTS)
            return result

        return call
