"""What is missing or too small is put. The runtime starts what lacks; nothing has to go first."""

from collections.abc import Set
from dataclasses import dataclass

from twinstage.model.reasons import Reason
from twinstage.model.workload import WorkloadKey
from twinstage.plan.actions import PutWorkload
from twinstage.plan.view import View


@dataclass(frozen=True, kw_only=True)
class Grown:
    actions: tuple[PutWorkload, ...]
    waits: tuple[Reason, ...]


def grow(view: View, held: Set[WorkloadKey]) -> Grown:
    """``held``: not to be put yet; why is somebody else's to say."""
    want = [w for w in view.want.workloads if w.key not in held]
    short = [w for w in want if w.key not in view.present or view.present[w.key].replicas < w.replicas]
    waits = [view.growing(w.key) for w in want if not view.ready(w.key)]
    return Grown(actions=tuple(PutWorkload(workload=w) for w in short), waits=tuple(waits))
