"""What has drained is deleted; what is larger than wanted, and settled, gets fewer replicas."""

from collections.abc import Set

from twinstage.model.workload import Workload, WorkloadKey
from twinstage.plan.actions import DeleteWorkload, PutWorkload
from twinstage.plan.route import Routed
from twinstage.plan.view import View


def shrink(view: View, routed: Routed, done: Set[WorkloadKey]) -> tuple[DeleteWorkload | PutWorkload, ...]:
    gone = [DeleteWorkload(key=key) for key in sorted(done)]
    smaller = [PutWorkload(workload=w) for w in view.want.workloads if _too_large(view, routed, w)]
    return (*gone, *smaller)


def _too_large(view: View, routed: Routed, wanted: Workload) -> bool:
    """Which instances go is the runtime's choice, so not while one of them is ill and the rest carry its requests; nor
    before the traffic that it was grown for has moved."""
    present = view.present.get(wanted.key)
    if present is None or present.replicas <= wanted.replicas:
        return False
    if wanted.key not in routed.leads:
        return True
    return routed.settled and present.healthy >= present.replicas
