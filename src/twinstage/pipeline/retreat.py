"""RETREATING: every way out. Traffic goes first, then what ran; it ends when nothing of the rollout is seen any more."""

from dataclasses import replace
from datetime import datetime

from twinstage.model.facts import Decision, Event, Facts
from twinstage.model.names import Ecosystem
from twinstage.model.policy import Policy
from twinstage.model.rollout import HAS_LANE, Rollout
from twinstage.model.seen import Observed

LEFT = "left"


def retreating(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """Its reason stays why it retreats, with what is ``left`` to clear beside it, so that the end still says why."""
    del policy, now  # Nothing but what is seen ends a retreat.
    cause = {name: value for name, value in rollout.reason.facts.items() if name != LEFT}
    left = _left(rollout, facts)
    if left:
        reason = replace(rollout.reason, facts={**cause, LEFT: ", ".join(left)}, until=None)
        return Decision(event=None, reason=reason)
    return Decision(event=Event.CLEARED, reason=replace(rollout.reason, facts=cause, until=None))


def _left(rollout: Rollout, facts: Facts) -> list[str]:
    left = ["its jobs"] if any(job.result is None for job in facts.jobs) else []
    for eco in Ecosystem:
        seen = facts.seen.get(eco)
        if rollout.release is None:
            continue
        left += [f"a look at {eco.value}"] if seen is None else _in(rollout, facts, seen)
    return left


def _in(rollout: Rollout, facts: Facts, seen: Observed) -> list[str]:
    """A release that others need (the baseline, another open rollout of it) runs on; only the lane is its own."""
    eco, route = seen.ecosystem.value, seen.routes.get(rollout.service)
    using = [other for other in facts.others if other.state in HAS_LANE]
    left = []
    alone = rollout.lane not in {o.lane for o in using}
    if route is not None and alone:
        left += [f"its lane in {eco}"] if any(lane == rollout.lane for lane, _ in route.lanes) else []
    here = [key for key in seen.workloads if key.service == rollout.service]
    if alone and any(key.data == rollout.lane for key in here):
        return [*left, f"its instances in {eco}"]
    if rollout.release in {facts.service.baseline, *(other.release for other in using)}:
        return left
    if route is not None and any(key.release == rollout.release and share > 0 for key, share in route.split):
        left += [f"its share in {eco}"]
    mine = [key for key in here if key.release == rollout.release]
    return [*left, f"its instances in {eco}"] if mine else left
