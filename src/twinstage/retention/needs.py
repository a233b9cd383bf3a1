"""What must stay, as decisions and the latest look say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout, ServiceState
from twinstage.model.seen import Observed
from twinstage.retention.bounds import Bounds


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Reasons are half sentences for people."""

    artifacts: Mapping[str, str]
    """Name of an artifact -> why it stays."""
    used: Mapping[str, datetime]
    """Name of an artifact -> when a rollout last had it."""
    exports: Mapping[str, str]
    rollouts: Mapping[RolloutId, str]
    """Rollouts whose jobs' logs and results stay."""
    services: Mapping[str, ServiceName]
    """Name of an artifact, or id of a release or a rollout -> whose it is."""
    building: frozenset[ServiceName]
    read: Mapping[Ecosystem, int]
    """How far each record of crossings was read."""


def kept(service: ServiceState, bounds: Bounds, now: datetime) -> tuple[ReleaseId, ...]:
    """The baselines that stay, oldest first: none once a removed service is long gone."""
    if service.removed and service.removed_at is not None and now - service.removed_at > bounds.removed:
        return ()
    return service.baselines[-bounds.baselines :]


def needs(
    *,
    services: Mapping[ServiceName, ServiceState],
    releases: Mapping[ReleaseId, Release],
    rollouts: Iterable[Rollout],
    unfinished: Iterable[Job],
    seen: Mapping[Ecosystem, Observed],
    read: Mapping[Ecosystem, int],
    bounds: Bounds,
    now: datetime,
) -> Needs:
    """``rollouts``: all of them. ``seen`` must hold both ecosystems: what was not seen may run anything."""
    every, jobs = list(rollouts), list(unfinished)
    good = {id: _standing(svc, id) for svc in services.values() for id in kept(svc, bounds, now)}
    good |= {svc.pin.release: f"{svc.service} is pinned to it" for svc in services.values() if svc.pin}
    artifacts = {_name(releases[id].artifact.location): why for id, why in good.items() if id in releases}
    for rollout in every:
        if rollout.open and rollout.release is not None and rollout.release in releases:
            artifacts[_name(releases[rollout.release].artifact.location)] = f"rollout {rollout.id} has it"
    for job in jobs:
        for location in (job.builds, job.artifact.location if job.artifact else None):
            if location:
                artifacts[_name(location)] = f"job {job.id} has it"
    for observed in seen.values():
        for key in observed.workloads:
            if key.release in releases:
                artifacts[_name(releases[key.release].artifact.location)] = f"it runs in {observed.ecosystem}"
    return Needs(
        artifacts=artifacts,
        used=_used(every, releases),
        exports=_exports(every, jobs),
        rollouts=_evidence(every, good),
        services={
            **{_name(release.artifact.location): release.service for release in releases.values()},
            **{release.id: release.service for release in releases.values()},
            **{rollout.id: rollout.service for rollout in every},
        },
        building=frozenset(job.service for job in jobs if job.kind is JobKind.BUILD),
        read=read,
    )


def _standing(service: ServiceState, release: ReleaseId) -> str:
    if service.removed:
        return f"{service.service} was removed and may come back"
    if release == service.baseline:
        return f"{service.service} is at it in production"
    return f"{service.service} could be rolled back to it"


def _exports(every: Iterable[Rollout], unfinished: Iterable[Job]) -> dict[str, str]:
    found = {f"{r.service}-{r.commit}": f"rollout {r.id} is under way" for r in every if r.open}
    return found | {job.source: f"job {job.id} unpacks it" for job in unfinished}


def _evidence(every: Iterable[Rollout], good: Mapping[ReleaseId, str]) -> dict[RolloutId, str]:
    found = {r.id: f"evidence of {r.release}" for r in every if r.release in good}
    return found | {r.id: f"rollout {r.id} is under way" for r in every if r.open}


def _used(every: Iterable[Rollout], releases: Mapping[ReleaseId, Release]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for rollout in every:
        if rollout.release is not None and rollout.release in releases:
            name = _name(releases[rollout.release].artifact.location)
            found[name] = max(rollout.entered, found.get(name, rollout.entered))
    return found


def _name(location: str) -> str:
    return location.rpartition("/")[2]


def young(at: datetime, age: timedelta, now: datetime) -> bool:
    return now - at < age
