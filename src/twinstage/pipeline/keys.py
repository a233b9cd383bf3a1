"""The names of a rollout's workloads: made here once, so that what is wanted and what is looked for are the same."""

from twinstage.model.database import MAIN, DataKey
from twinstage.model.names import Ecosystem, ReleaseId
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout, ServiceState
from twinstage.model.workload import WorkloadKey

WEB = "web"


def release_key(release: ReleaseId, svc: ServiceState, eco: Ecosystem, data: str = MAIN) -> WorkloadKey:
    """The workload of a release in an ecosystem, on that data."""
    return WorkloadKey(
        ecosystem=eco,
        service=svc.service,
        process=WEB,
        release=release,
        secrets=svc.secrets_version[eco],
        data=data,
    )


def lane_key(rollout: Rollout, svc: ServiceState, release: Release) -> WorkloadKey:
    """The workload of a rollout's lane. ``release`` is the rollout's.

    With databases it has clones of its own; without, it BECOMES the mirror: same key, nothing restarts.
    """
    data = rollout.lane if release.definition.databases else MAIN
    return release_key(release.id, svc, Ecosystem.STAGING, data)


def production_key(rollout: Rollout, svc: ServiceState) -> WorkloadKey:
    """The workload of a rollout in production. ``rollout.release`` must be known."""
    return release_key(_release(rollout), svc, Ecosystem.PRODUCTION)


def baseline_key(svc: ServiceState, eco: Ecosystem) -> WorkloadKey | None:
    """The workload of what production runs, and staging mirrors; None before the first release is live."""
    return None if svc.baseline is None else release_key(svc.baseline, svc, eco)


def data_key(key: WorkloadKey) -> DataKey:
    """What must be ready before this workload is put, where its release has databases."""
    return DataKey(ecosystem=key.ecosystem, service=key.service, data=key.data, release=key.release)


def _release(rollout: Rollout) -> ReleaseId:
    if rollout.release is None:
        raise ValueError(f"cannot name a workload of rollout {rollout.id}: nothing is built yet")
    return rollout.release
