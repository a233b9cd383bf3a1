"""From what is seen to what is wanted, safely: an ordered list of rules.

1. migrate  what has databases waits until they are ready for its release.
2. grow     what is missing or too small is put.
3. route    a share rises only onto workloads whose replicas are all healthy; a share that nobody wants any more falls
            at once, onto whatever is healthy.
4. drain    what is neither wanted nor routed to is left to finish its requests, or its drain time.
5. shrink   what has drained is deleted; what is too large and settled gets fewer replicas.

The order is that of their actions, too: what comes first never depends on what comes later having worked.
"""

from collections.abc import Mapping, Set
from datetime import datetime, timedelta

from twinstage.model.database import DataKey
from twinstage.model.seen import Observed
from twinstage.model.workload import Desired, WorkloadKey
from twinstage.plan.actions import Plan
from twinstage.plan.drain import drain
from twinstage.plan.grow import grow
from twinstage.plan.migrate import migrate
from twinstage.plan.route import route
from twinstage.plan.shrink import shrink
from twinstage.plan.view import View


def plan(
    want: Desired,
    seen: Observed,
    draining: Mapping[WorkloadKey, datetime],
    now: datetime,
    drains: Mapping[WorkloadKey, timedelta] | None = None,
    ready: Set[DataKey] = frozenset(),
) -> Plan:
    """The next actions for one service in one ecosystem. The same arguments give the same plan; a world that matches
    gives no action.

    ``draining`` is what the last plan returned (of this service or of all: others are ignored); ``drains`` gives drain
    times by workload, those of its release's definition (30 s where it is missing). ``ready``: data that is there and migrated.
    """
    view = View.of(want, seen)
    held = migrate(view, ready)
    grown = grow(view, held.keys)
    routed = route(view)
    drained = drain(view, routed, draining, drains or {}, now)
    shrunk = shrink(view, routed, drained.done)
    return Plan(
        actions=(*grown.actions, *routed.actions, *shrunk),
        waits=(*held.waits, *grown.waits, *drained.waits),
        draining=drained.draining,
    )
