"""What is neither wanted nor routed to finishes its requests before it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from twinstage.model.reasons import Owner, Reason
from twinstage.model.workload import WorkloadKey
from twinstage.plan.route import Routed
from twinstage.plan.view import View

DRAIN = timedelta(seconds=30)
"""Drain time of a workload whose definition nobody remembers."""

QUIET = timedelta(seconds=2)
"""At least this long after the proxy was first seen without it: a look may lag behind what the proxy does, and a request
that was on its way just then is not counted yet."""


@dataclass(frozen=True, kw_only=True)
class Drained:
    done: frozenset[WorkloadKey]
    draining: Mapping[WorkloadKey, datetime]
    """With when it began: when the accepted route was first seen without it."""
    waits: tuple[Reason, ...]


def drain(
    view: View,
    routed: Routed,
    draining: Mapping[WorkloadKey, datetime],
    drains: Mapping[WorkloadKey, timedelta],
    now: datetime,
) -> Drained:
    """Begins anew whenever the workload is wanted or led to again."""
    if view.want.route is not None and view.accepted is None:
        # The proxy does not say where it leads, so nothing is known to be unused.
        return Drained(done=frozenset(), draining={}, waits=())
    unused = [key for key in view.present if key not in view.wanted and key not in routed.leads]
    began = {key: draining.get(key, now) for key in unused}
    done = frozenset(key for key in unused if _empty(view, key, began[key], drains.get(key, DRAIN), now))
    waits = [
        Reason(code="DRAINING", owner=Owner.CLOCK, facts=view.named(key), until=began[key] + drains.get(key, DRAIN))
        for key in unused
        if key not in done
    ]
    return Drained(done=done, draining=began, waits=tuple(waits))


def _empty(view: View, key: WorkloadKey, began: datetime, limit: timedelta, now: datetime) -> bool:
    if now >= began + max(limit, QUIET):
        return True
    return view.present[key].in_flight == 0 and view.seen.at >= began + QUIET
