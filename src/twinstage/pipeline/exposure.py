"""Since when, and for how long, a share of production traffic is watched."""

from datetime import datetime, timedelta

from twinstage.model.policy import Policy
from twinstage.model.rollout import Rollout, ServiceState, State
from twinstage.model.seen import Observed
from twinstage.pipeline.keys import production_key
from twinstage.pipeline.rotation import serving


def gives(rollout: Rollout, svc: ServiceState, production: Observed) -> bool:
    """Does the proxy, as seen, give this rollout the very share it is to have, onto instances that are all healthy?

    When it first does, the controller writes ``exposed``. A share of nothing is never exposed.
    """
    if rollout.release is None or rollout.share == 0:
        return False
    key = serving(production_key(rollout, svc), production)
    route, workload = production.routes.get(svc.service), production.workloads.get(key)
    if route is None or workload is None:
        return False
    return dict(route.split).get(key) == rollout.share and workload.healthy >= workload.replicas > 0


def watch(rollout: Rollout, policy: Policy) -> timedelta:
    """How long the present share is to be watched from exposure."""
    if rollout.state is State.CANARY:
        return policy.bake / max(1, len(policy.canary_shares))
    return policy.settle


def baked(rollout: Rollout, policy: Policy, now: datetime) -> bool:
    """Was the present share watched for as long as the standard says? It is what the judge is told."""
    return rollout.exposed is not None and now >= rollout.exposed + watch(rollout, policy)


def longest(rollout: Rollout, now: datetime) -> bool:
    """Is it the longest canary? Counted from the entry into CANARY, over all its shares."""
    return rollout.state is State.CANARY and now >= rollout.deadline
