"""What runs, compared with what is wanted."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from twinstage.checkup.decisions import GRACE
from twinstage.desired.desired import desired
from twinstage.model.finding import Finding
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, JobId, ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import Policy
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout, ServiceState
from twinstage.model.seen import Health, Observed, WorkloadSeen
from twinstage.model.workload import WorkloadKey

STALE = timedelta(seconds=15)
_NEVER = datetime.min.replace(tzinfo=UTC)


def parts(seen: Mapping[Ecosystem, Observed], now: datetime) -> Iterator[Finding]:
    """Of the ecosystems themselves."""
    for ecosystem in Ecosystem:
        observed = seen.get(ecosystem)
        advice = f"is its sandbox up? `twinstage up` starts what is missing; see {ecosystem}.log of the core"
        if observed is None:
            yield Finding(about=ecosystem, what="has not been seen since the controller started", advice=advice)
            continue
        if now > observed.at + STALE:
            yield Finding(about=ecosystem, what="cannot be seen of late", advice=advice, since=observed.at)
        if not observed.enforced:
            yield Finding(about=ecosystem, what="its boundary is not enforced", advice="`twinstage boundary` says why")
        for part, health in observed.parts.items():
            if health is not Health.HEALTHY:
                advice = f"it is started again by itself; if it stays so, see {part}.log of {ecosystem}"
                yield Finding(about=f"the {part} of {ecosystem}", what=f"is {health}", advice=advice)


def workloads(
    seen: Mapping[Ecosystem, Observed],
    services: Mapping[ServiceName, ServiceState],
    releases: Mapping[ReleaseId, Release],
    every: Iterable[Rollout],
    policy: Policy,
    now: datetime,
) -> Iterator[Finding]:
    """Those that nobody wants, and instances of what is wanted that keep failing. ``every``: all rollouts."""
    rollouts = list(every)
    for ecosystem, observed in seen.items():
        wanted: set[WorkloadKey] = set()
        for service in services.values():
            mine = [r for r in rollouts if r.service == service.service and r.open]
            wanted |= {w.key for w in desired(ecosystem, service, mine, releases, policy).workloads}
        for key, workload in observed.workloads.items():
            if key in wanted:
                yield from _failing(key, workload)
            elif now > _left(key, services.get(key.service), releases, rollouts) + GRACE:
                about = f"{key.service} {key.release} in {ecosystem}"
                what = f"runs ({len(workload.instances)} instances), and nobody wants it"
                advice = (
                    "the controller deletes it once its requests are over; if it stays, see controller.log of the core"
                )
                yield Finding(about=about, what=what, advice=advice)


def _failing(key: WorkloadKey, workload: WorkloadSeen) -> Iterator[Finding]:
    for instance in workload.instances:
        if instance.health is Health.CRASHING:
            what = f"keeps failing: {instance.detail}" if instance.detail else "keeps failing"
            advice = f"`twinstage logs {instance.id}`; `twinstage rollback {key.service}` goes back"
            yield Finding(about=f"instance {instance.id}", what=what, advice=advice, since=instance.since)


def _left(
    key: WorkloadKey,
    service: ServiceState | None,
    releases: Mapping[ReleaseId, Release],
    rollouts: Iterable[Rollout],
) -> datetime:
    """When it should have drained at the latest: its drain time after the last thing that happened to its service."""
    last = [r.entered for r in rollouts if r.service == key.service]
    last += [service.removed_at] if service is not None and service.removed_at is not None else []
    drain = releases[key.release].definition.web.drain if key.release in releases else timedelta(0)
    return max(last, default=_NEVER) + drain


def routes(seen: Mapping[Ecosystem, Observed], services: Mapping[ServiceName, ServiceState]) -> Iterator[Finding]:
    for ecosystem, observed in seen.items():
        for service in observed.routes:
            if service not in services:
                what = "leads somewhere, and the company has no such service"
                yield Finding(about=f"the route of {service} in {ecosystem}", what=what, advice="see controller.log")


def jobs(running: Iterable[Job], recorded: Mapping[JobId, RolloutId | None], now: datetime) -> Iterator[Finding]:
    """That the runtime has. ``recorded``: those that the store knows, with their rollouts."""
    for job in running:
        if job.id not in recorded and (job.started is None or now > job.started + GRACE):
            what = "is there, and no rollout has asked for it"
            advice = "the controller stops it at its next look; if it stays, see controller.log of the core"
            yield Finding(about=f"job {job.id}", what=what, advice=advice, since=job.started)
