"""How healthy, and how far: figures from what was last seen. Pure."""

from collections.abc import Mapping
from datetime import datetime

from twinstage import wire
from twinstage.model.database import MAIN
from twinstage.model.names import Ecosystem, ReleaseId, ServiceName
from twinstage.model.policy import Policy
from twinstage.model.release import Release
from twinstage.model.rollout import HAS_LANE, IN_PRODUCTION, Rollout, State
from twinstage.model.seen import Health, InstanceSeen, Observed, WorkloadSeen
from twinstage.pipeline.exposure import watch

Seen = Mapping[Ecosystem, Observed]


def workloads(seen: Seen, ecosystem: Ecosystem, service: ServiceName, release: ReleaseId) -> list[WorkloadSeen]:
    observed = seen.get(ecosystem)
    if observed is None:
        return []
    return [w for w in observed.workloads.values() if w.key.service == service and w.key.release == release]


def count(found: list[WorkloadSeen], wanted: int | None = None) -> wire.Count:
    """``wanted``: where the definition says it; else what the runtime was told."""
    told = sum(w.replicas for w in found)
    healthy = sum(w.healthy for w in found)
    want = told if wanted is None else wanted
    return wire.Count(healthy=healthy, wanted=want, detail=ailment(found) if healthy < want else "")


def ailment(found: list[WorkloadSeen]) -> str:
    """What an unhealthy instance says; the worst speaks first."""
    worst = (Health.CRASHING, Health.UNHEALTHY, Health.STARTING)
    ill: list[InstanceSeen] = [i for w in found for i in w.instances if i.health in worst and i.detail]
    return min(ill, key=lambda i: worst.index(i.health)).detail if ill else ""


def baseline(seen: Seen, ecosystem: Ecosystem, service: ServiceName, release: Release) -> wire.Count:
    wanted = release.definition.web.instances.get(ecosystem, 0)
    own = [w for w in workloads(seen, ecosystem, service, release.id) if w.key.data == MAIN]
    return count(own, wanted)


def overlay(seen: Seen, rollout: Rollout) -> wire.Count | None:
    """Of the rollout's own instances where it is now; None where it has none."""
    if rollout.release is None:
        return None
    if rollout.state not in HAS_LANE and rollout.state is not State.LIVE:
        return None
    inside = rollout.state in IN_PRODUCTION or rollout.state is State.LIVE
    where = Ecosystem.PRODUCTION if inside else Ecosystem.STAGING
    found = workloads(seen, where, rollout.service, rollout.release)
    # With databases its lane is a workload of its own, beside a mirror at the same release once that is live.
    return count([w for w in found if w.key.data == rollout.lane] or found)


def progress(rollout: Rollout, health: wire.Count | None, passed: int, policy: Policy, now: datetime) -> float | None:
    """0 to 1 of the present phase; None where nobody can tell. ``passed``: gates with evidence."""
    if rollout.state is State.GATING:
        return min(1.0, passed / len(policy.gates)) if policy.gates else None
    if rollout.state is State.STAGING and health is not None and health.wanted:
        return min(1.0, health.healthy / health.wanted)
    if rollout.state in IN_PRODUCTION:
        shares = policy.canary_shares if rollout.state is State.CANARY else policy.production_shares
        before = sum(share < rollout.share for share in shares)
        return min(1.0, (before + _watched(rollout, policy, now)) / len(shares)) if shares else 1.0
    return None


def _watched(rollout: Rollout, policy: Policy, now: datetime) -> float:
    """0 to 1 of the time that its present share is to be watched."""
    if rollout.exposed is None:
        return 0.0
    whole = watch(rollout, policy).total_seconds()
    return min(1.0, max(0.0, (now - rollout.exposed).total_seconds() / whole)) if whole > 0 else 1.0
