"""One service as ``status`` shows it: what production runs and staging mirrors, and which rollout is in which phase."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from twinstage import wire
from twinstage.api import counts, documents, history
from twinstage.controller.freezing import standing
from twinstage.model.database import MAIN, Behind
from twinstage.model.facts import MirrorBreak
from twinstage.model.names import Ecosystem, Phase, ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import Policy
from twinstage.model.release import Release
from twinstage.model.rollout import Freeze, Rollout, ServiceState, State
from twinstage.model.seen import BoundaryReport, Observed
from twinstage.model.workload import WorkloadKey
from twinstage.store.rows import Attributed, JournalRow


@dataclass(frozen=True, kw_only=True)
class Sight:
    """All that ``status`` is made of, read at one moment."""

    at: datetime
    name: str
    policy: Policy
    services: Mapping[ServiceName, ServiceState]
    """Without removed ones."""
    releases: Mapping[ReleaseId, Release]
    open: Sequence[Rollout]
    """Newest first, of all services."""
    past: Mapping[ServiceName, Sequence[Rollout]]
    """Newest first, the latest few of each service, open ones too."""
    passed: Mapping[RolloutId, int]
    """Gates passed, of open rollouts."""
    journals: Mapping[RolloutId, Sequence[JournalRow]]
    """Of those rollouts whose phase only the journal knows."""
    crossings: Sequence[Attributed]
    """Tried in the last 24 hours, newest first."""
    breaks: Sequence[MirrorBreak]
    """Open ones."""
    freezes: Mapping[ServiceName | None, Freeze]
    """Those that stand; None: the one of every service."""
    seen: Mapping[Ecosystem, Observed]
    behind: Mapping[ServiceName, Behind]
    """Services whose own databases in staging are not at production's release, with why."""
    boundary: BoundaryReport
    hindered: str = ""
    """What kept the controller's last tick from its end; empty when nothing did."""
    probes: Sequence[wire.Probe] = ()
    """When the boundary of each ecosystem was last tried."""


def row(sight: Sight, service: ServiceState) -> wire.ServiceRow:
    name = service.service
    return wire.ServiceRow(
        name=name,
        ports=documents.ports(service),
        baseline=_baseline(sight, service),
        pin=documents.pin(service.pin),
        freeze=documents.freeze(standing([name], sight.freezes)),
        phases=_phases(sight, name),
        ended=_ended(sight, name),
        restarts=_restarts(sight, name),
        crossings=_crossings(sight, name),
    )


def _crossings(sight: Sight, name: ServiceName) -> wire.Crossings:
    found = [a.crossing for a in sight.crossings if a.service == name]
    last = documents.crossing(found[0]) if found else None
    return wire.Crossings(count=sum(crossing.count for crossing in found), last=last)


def _baseline(sight: Sight, service: ServiceState) -> wire.Baseline | None:
    release = sight.releases.get(service.baseline) if service.baseline else None
    if release is None:
        return None
    since = live_since(sight, service)
    production, staging = (counts.baseline(sight.seen, e, service.service, release) for e in Ecosystem)
    return wire.Baseline(release=release.id, commit=release.commit, since=since, production=production, staging=staging)


def live_since(sight: Sight, service: ServiceState) -> datetime | None:
    """Since when production runs what it runs; None where that is longer ago than what is looked back on."""
    past = sight.past.get(service.service, ())
    return next((r.entered for r in past if r.state is State.LIVE and r.release == service.baseline), None)


def _phases(sight: Sight, name: ServiceName) -> dict[Phase, list[wire.Occupant]]:
    found: dict[Phase, list[wire.Occupant]] = {phase: [] for phase in Phase}
    for rollout in sight.open:
        if rollout.service == name:
            phase = history.phase(rollout, sight.journals.get(rollout.id, ()))
            found[phase].append(_occupant(sight, rollout))
    return found


def _occupant(sight: Sight, rollout: Rollout) -> wire.Occupant:
    health = counts.overlay(sight.seen, rollout)
    passed = sight.passed.get(rollout.id, 0)
    return wire.Occupant(
        rollout=rollout.id,
        commit=rollout.commit,
        release=rollout.release,
        state=rollout.state.value,
        share=rollout.share,
        health=health,
        progress=counts.progress(rollout, health, passed, sight.policy, sight.at),
        since=rollout.entered,
        reason=documents.reason(rollout.reason),
        skipped=documents.skips(rollout),
    )


def _ended(sight: Sight, name: ServiceName) -> wire.Ended | None:
    last = next((r for r in sight.past.get(name, ()) if not r.open), None)
    if last is None:
        return None
    return wire.Ended(
        rollout=last.id,
        commit=last.commit,
        release=last.release,
        state=last.state.value,
        at=last.entered,
        sentence=documents.sentence(last.reason),
    )


def _restarts(sight: Sight, name: ServiceName) -> int:
    return sum(
        instance.restarts
        for observed in sight.seen.values()
        for workload in observed.workloads.values()
        if workload.key.service == name
        for instance in workload.instances
    )


def instances(sight: Sight, service: ServiceState) -> list[wire.Instance]:
    """Every process of the service that is seen, production's first."""
    mine = [r for r in sight.open if r.service == service.service]
    found = []
    for observed in sight.seen.values():
        for workload in observed.workloads.values():
            if workload.key.service != service.service:
                continue
            part = _part(service, mine, workload.key)
            for it in workload.instances:
                found.append(
                    wire.Instance(
                        id=it.id,
                        ecosystem=observed.ecosystem,
                        release=workload.key.release,
                        part=part,
                        health=it.health,
                        since=it.since,
                        restarts=it.restarts,
                        detail=it.detail,
                    )
                )
    return sorted(found, key=lambda i: (list(Ecosystem).index(Ecosystem(i.ecosystem)), i.release, i.id))


def _part(service: ServiceState, mine: Sequence[Rollout], key: WorkloadKey) -> wire.Part:
    if key.release == service.baseline and key.data == MAIN:
        return "baseline"
    if any(r.release == key.release and r.state is not State.RETREATING for r in mine):
        return "canary" if key.ecosystem is Ecosystem.PRODUCTION else "lane"
    return "leaving"
