"""The names of a rollout's workloads: made here once, so that what is wanted and what is looked for are the same."""

from twinstage.model.names import Ecosystem, ReleaseId
from twinstage.model.rollout import Rollout, ServiceState
from twinstage.model.workload import WorkloadKey

WEB = "web"


def release_key(release: ReleaseId, svc: ServiceState, eco: Ecosystem) -> WorkloadKey:
    """The workload of a release in an ecosystem. A lane without databases of its own BECOMES the mirror: same key."""
    return WorkloadKey(
        ecosystem=eco,
        service=svc.service,
        process=WEB,
        release=release,
        secrets=svc.secrets_version[eco],
        data="main",
    )


def lane_key(rollout: Rollout, svc: ServiceState, eco: Ecosystem = Ecosystem.STAGING) -> WorkloadKey:
    """The workload of a rollout's lane. ``rollout.release`` must be known, that is: not BUILDING."""
    return release_key(_release(rollout), svc, eco)


def production_key(rollout: Rollout, svc: ServiceState) -> WorkloadKey:
    """The workload of a rollout in production. ``rollout.release`` must be known."""
    return release_key(_release(rollout), svc, Ecosystem.PRODUCTION)


def baseline_key(svc: ServiceState, eco: Ecosystem) -> WorkloadKey | None:
    """The workload of what production runs, and staging mirrors; None before the first release is live."""
    return None if svc.baseline is None else release_key(svc.baseline, svc, eco)


def _release(rollout: Rollout) -> ReleaseId:
    if rollout.release is None:
        raise ValueError(f"cannot name a workload of rollout {rollout.id}: nothing is built yet")
    return rollout.release
