"""One look at the world, as far as the platform answers."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from twinstage.controller.means import Means
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, JobId
from twinstage.model.seen import Crossing, Observed, TrafficSample
from twinstage.runtime.runtime import Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What did not answer is missing or None. Nothing is decided from what was not seen."""

    at: datetime
    seen: Mapping[Ecosystem, Observed]
    jobs: Mapping[JobId, Job] | None
    traffic: tuple[TrafficSample, ...] | None
    """Of production."""
    crossings: tuple[Crossing, ...]
    """Not yet recorded ones, of both ecosystems."""


def look(means: Means, now: datetime) -> Sight:
    """Ecosystems first: counters read after a route was seen in force contain nothing from before."""
    runtime, store = means.runtime, means.store
    observed = {eco: _asked(partial(runtime.observe, eco), f"observe {eco}") for eco in Ecosystem}
    crossings: list[Crossing] = []
    for eco, after in store.last_crossings().items():
        found = _asked(partial(runtime.crossings, eco, after), f"read crossings of {eco}")
        crossings += found or ()
    return Sight(
        at=now,
        seen={eco: seen for eco, seen in observed.items() if seen is not None},
        jobs=_asked(runtime.jobs, "list jobs"),
        traffic=_asked(partial(runtime.traffic, Ecosystem.PRODUCTION), "read production's counters"),
        crossings=tuple(crossings),
    )


def _asked(call: Callable[[], T], what: str) -> T | None:
    try:
        return call()
    except Unavailable as trouble:
        log.warning("cannot %s: %s", what, trouble)
        return None
