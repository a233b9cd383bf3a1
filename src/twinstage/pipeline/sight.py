"""What one look at an ecosystem says about one workload and about the ecosystem's own parts."""

from datetime import datetime, timedelta

from twinstage.model.facts import Facts
from twinstage.model.names import Ecosystem, ReleaseId, ServiceName
from twinstage.model.reasons import Owner, Reason
from twinstage.model.seen import Health, Observed, WorkloadSeen


def unseen(facts: Facts, ecosystem: Ecosystem) -> Reason | None:
    """Why nothing can be concluded from this ecosystem now; None: it is seen, and its own parts are healthy.

    Health is said by the proxy: while it is down every instance looks ill, and no release is to blame.
    """
    observed = facts.seen.get(ecosystem)
    detail = "it does not answer" if observed is None else parts_amiss(observed)
    if not detail:
        return None
    return Reason(code="UNSEEN", owner=Owner.PLATFORM, facts={"ecosystem": ecosystem.value, "detail": detail})


def parts_amiss(observed: Observed) -> str:
    """``the proxy is starting``; empty when every part is healthy."""
    amiss = sorted(f"its {name} is {health.value}" for name, health in observed.parts.items() if not _healthy(health))
    return ", ".join(amiss)


def _healthy(health: Health) -> bool:
    return health is Health.HEALTHY


def stands(workload: WorkloadSeen | None, wanted: int) -> bool:
    """Are all its replicas healthy, and as many as are wanted?"""
    return workload is not None and workload.healthy >= max(1, wanted, workload.replicas)


def standing(workload: WorkloadSeen | None, wanted: int) -> str:
    """``1 of 2 instances healthy; exited with status 1``: what people need to see why it does not stand."""
    if workload is None:
        return f"0 of {wanted} instances healthy; none has started yet"
    ill = {i.detail for i in workload.instances if i.health is not Health.HEALTHY and i.detail}
    count = f"{workload.healthy} of {max(wanted, workload.replicas)} instances healthy"
    return "; ".join([count, *sorted(ill)])


def crashing(workload: WorkloadSeen | None) -> bool:
    """Has the supervisor given up on any of its instances?"""
    return workload is not None and any(i.health is Health.CRASHING for i in workload.instances)


def unwell(workload: WorkloadSeen | None, now: datetime, limit: timedelta) -> bool:
    """Is an instance not healthy, and has been so for a good part of the limit?

    An instance that has only just started (the whole machine did, perhaps) is given its time; one that was never
    started at all is the platform's trouble.
    """
    if workload is None:
        return False
    return any(i.health is not Health.HEALTHY and now - i.since >= limit / 2 for i in workload.instances)


def mate_stands(observed: Observed, service: ServiceName, release: ReleaseId | None) -> bool:
    """Does a release of another service stand in this ecosystem? Its key is not known here: its secrets are its own."""
    found = [w for k, w in observed.workloads.items() if k.service == service and k.release == release]
    return any(stands(w, w.replicas) for w in found)
