"""What should run: baseline plus overlays. Computed from decisions, never stored, so the two cannot disagree."""

from collections.abc import Mapping, Sequence

from twinstage.model.names import Ecosystem, LaneId, Phase, ReleaseId
from twinstage.model.policy import Policy
from twinstage.model.release import Release
from twinstage.model.rollout import HAS_LANE, IN_PRODUCTION, Kind, Rollout, ServiceState, State
from twinstage.model.workload import Desired, Route, Workload, WorkloadKey
from twinstage.pipeline.keys import lane_key, production_key, release_key


def desired(
    eco: Ecosystem,
    svc: ServiceState,
    open_rollouts: Sequence[Rollout],
    releases: Mapping[ReleaseId, Release],
    policy: Policy,
) -> Desired:
    """One service in one ecosystem. ``open_rollouts`` may hold other services' (ignored); ``releases`` has the baseline
    and theirs. A removed service wants nothing, and no route."""
    if svc.removed:
        return Desired(ecosystem=eco, service=svc.service, workloads=(), route=None)
    base = _baseline(eco, svc, releases, policy)
    mine = sorted((r for r in open_rollouts if r.service == svc.service and r.open), key=lambda r: (r.submitted, r.id))
    if eco is Ecosystem.STAGING:
        return _staging(svc, base, mine, releases, policy)
    return _production(svc, base, mine, releases, policy)


def _baseline(
    eco: Ecosystem, svc: ServiceState, releases: Mapping[ReleaseId, Release], policy: Policy
) -> Workload | None:
    """The mirror is this: what production runs, whichever ecosystem is asked about."""
    if svc.baseline is None:
        return None
    release = releases[svc.baseline]
    return _workload(release_key(svc.baseline, svc, eco), svc, release, release.definition.web.instances[eco], policy)


def _staging(
    svc: ServiceState,
    base: Workload | None,
    rollouts: Sequence[Rollout],
    releases: Mapping[ReleaseId, Release],
    policy: Policy,
) -> Desired:
    """Every candidate beside the mirror, in its lane."""
    eco = Ecosystem.STAGING
    workloads = {base.key: base} if base else {}
    lanes: dict[LaneId, WorkloadKey] = {}
    for rollout in rollouts:
        if rollout.release is None or not has_lane(rollout):
            continue
        release, key = releases[rollout.release], lane_key(rollout, svc, releases[rollout.release])
        workloads.setdefault(key, _workload(key, svc, release, release.definition.web.instances[eco], policy))
        lanes[rollout.lane] = key
    split = ((base.key, 100),) if base else ()
    return _desired(eco, svc, tuple(workloads.values()), split, tuple(lanes.items()))


def has_lane(rollout: Rollout) -> bool:
    """Does it stand in staging? A rollback never does, and neither does what skips staging."""
    return rollout.kind is Kind.SHIP and rollout.state in HAS_LANE and Phase.STAGING not in rollout.skips


def lane_stands(lane: LaneId, mine: Sequence[Rollout]) -> bool:
    """May anything of a service's lane still be in staging? ``mine``: open rollouts of that service, retreating ones too."""
    return any(r.lane == lane and (has_lane(r) or r.state is State.RETREATING) for r in mine)


def _production(
    svc: ServiceState,
    base: Workload | None,
    rollouts: Sequence[Rollout],
    releases: Mapping[ReleaseId, Release],
    policy: Policy,
) -> Desired:
    """The baseline keeps ALL its instances until the rollout is live, so that going back never scales anything up."""
    workloads = {base.key: base} if base else {}
    split: list[tuple[WorkloadKey, int]] = []
    for rollout in rollouts:
        if rollout.release is None or rollout.state not in IN_PRODUCTION or rollout.release == svc.baseline:
            continue
        release, key = releases[rollout.release], production_key(rollout, svc)
        workloads[key] = _workload(key, svc, release, _replicas(rollout, release, base, policy), policy)
        split.append((key, rollout.share))
    if base:
        split.append((base.key, 100 - sum(share for _, share in split)))
    given = tuple((key, share) for key, share in split if share > 0)
    return _desired(Ecosystem.PRODUCTION, svc, tuple(workloads.values()), given, ())


def _replicas(rollout: Rollout, release: Release, base: Workload | None, policy: Policy) -> int:
    """As many as give each canary instance the load of one of production's, at the largest share a canary will have:
    so a step between canary shares only moves traffic. Everything beyond the canary runs in full."""
    full = release.definition.web.instances[Ecosystem.PRODUCTION]
    if rollout.state is State.PRODUCTION or base is None:
        return full
    share = min(99, max(rollout.share, *policy.canary_shares))
    return min(full, max(1, round(base.replicas * share / (100 - share))))


def _workload(key: WorkloadKey, svc: ServiceState, release: Release, replicas: int, policy: Policy) -> Workload:
    eco, definition, web = key.ecosystem, release.definition, release.definition.web
    return Workload(
        key=key,
        replicas=replicas,
        artifact=release.artifact,
        run=web.run,
        backend=svc.backends[eco],
        listens=web.port,
        health=web.health,
        env={name: values[eco] for name, values in definition.config.items()},
        secrets=definition.secrets,
        calls=definition.calls(eco),
        outside={name: it.hosts[eco] for name, it in definition.outside.items()},
        stubs={name: it.stub for name, it in definition.outside.items() if it.stub and eco is Ecosystem.STAGING},
        databases=tuple(definition.databases),
        drain=web.drain,
        bounds=policy.bounds.narrowed(definition.limits),
    )


def _desired(
    eco: Ecosystem,
    svc: ServiceState,
    workloads: tuple[Workload, ...],
    split: tuple[tuple[WorkloadKey, int], ...],
    lanes: tuple[tuple[LaneId, WorkloadKey], ...],
) -> Desired:
    route = Route(
        ecosystem=eco,
        service=svc.service,
        port=svc.frontends[eco],
        split=tuple(sorted(split)),
        lanes=tuple(sorted(lanes)),
    )
    migrate = tuple((w.key.release, w.key.data) for w in workloads if w.databases)
    return Desired(ecosystem=eco, service=svc.service, workloads=workloads, route=route, migrate=migrate)
