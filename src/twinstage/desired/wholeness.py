"""Is the mirror around a candidate whole? Only then does a verdict about the candidate count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinstage.model.database import Behind
from twinstage.model.names import Ecosystem, ReleaseId, ServiceName
from twinstage.model.release import Definition, Release
from twinstage.model.rollout import HAS_LANE, Rollout, ServiceState
from twinstage.model.seen import Observed, WorkloadSeen
from twinstage.pipeline.keys import baseline_key, lane_key
from twinstage.pipeline.rotation import serving
from twinstage.pipeline.secrecy import commands
from twinstage.pipeline.sight import parts_amiss, standing, stands


@dataclass(frozen=True, kw_only=True)
class NotWhole:
    service: ServiceName
    detail: str
    """For people: "1 of 2 instances healthy; exited with status 1"."""


def closure(service: ServiceName, definitions: Mapping[ServiceName, Definition]) -> tuple[ServiceName, ...]:
    """What it calls in staging, what that calls, and so on; sorted, the service itself left out.

    Names without a definition are kept.
    """
    reached, todo = set[ServiceName](), [service]
    while todo:
        definition = definitions.get(todo.pop())
        for name in () if definition is None else definition.calls(Ecosystem.STAGING):
            if name not in reached:
                reached.add(name)
                todo.append(name)
    return tuple(sorted(reached - {service}))


def breaks(
    release: Release,
    services: Mapping[ServiceName, ServiceState],
    releases: Mapping[ReleaseId, Release],
    staging: Observed,
    behind: Mapping[ServiceName, Behind],
    group: Sequence[Rollout] = (),
) -> tuple[NotWhole, ...]:
    """What is not whole now around this candidate, by name. Empty: its verification counts.

    ``behind``: why a service's own databases in staging are not at production's release, as ``not_whole`` takes it.
    ``group``: the other open rollouts of its group; their lanes stand in for the baselines that they do not have yet.
    Trouble of staging's own proxy is nobody's dependency and everybody's trouble: it is told of the candidate itself.
    """
    amiss = parts_amiss(staging)
    if amiss:
        return (NotWhole(service=release.service, detail=f"in staging, {amiss}"),)
    mates = {r.service: r for r in group if r.release is not None and r.state in HAS_LANE}
    definitions = {name: releases[svc.baseline].definition for name, svc in services.items() if svc.baseline}
    definitions |= {name: releases[r.release].definition for name, r in mates.items() if r.release}
    definitions[release.service] = release.definition
    found = []
    for name in closure(release.service, definitions):
        svc = services.get(name)
        if svc is None:
            found.append(NotWhole(service=name, detail="there is no such service"))
        elif svc.baseline is None and name in mates:
            found += _list(_mate(svc, mates[name], releases, staging))
        else:
            found += _list(not_whole(svc, releases, staging, behind))
    return tuple(found)


def not_whole(
    svc: ServiceState, releases: Mapping[ReleaseId, Release], staging: Observed, behind: Mapping[ServiceName, Behind]
) -> NotWhole | None:
    """Is this service's mirror as production has it: its data, the release, all healthy, and all of the traffic? None: it is.

    ``behind``: services whose own databases in staging are not at production's release, with why.
    """
    key = baseline_key(svc, Ecosystem.STAGING)
    if key is None or svc.baseline is None:
        return NotWhole(service=svc.service, detail="it does not run in production yet")
    if svc.service in behind:
        return NotWhole(service=svc.service, detail=behind[svc.service].why)
    key, wanted = serving(key, staging), _wanted(releases[svc.baseline])
    workload, lacking = staging.workloads.get(key), svc.lacks(_secrets(releases[svc.baseline]), Ecosystem.STAGING)
    if workload is None and lacking:
        return NotWhole(service=svc.service, detail=f"lacks {commands(svc.service, lacking, Ecosystem.STAGING)}")
    if not stands(workload, wanted):
        return _ill(svc, workload, wanted)
    route = staging.routes.get(svc.service)
    if route is None or dict(route.split).get(key) != 100:
        return NotWhole(service=svc.service, detail="its frontend port does not lead to production's release yet")
    return None


def _mate(
    svc: ServiceState, rollout: Rollout, releases: Mapping[ReleaseId, Release], staging: Observed
) -> NotWhole | None:
    if rollout.release is None:
        return NotWhole(service=svc.service, detail="its lane has no release yet")
    release = releases[rollout.release]
    key, wanted = serving(lane_key(rollout, svc, release), staging), _wanted(release)
    workload, route = staging.workloads.get(key), staging.routes.get(svc.service)
    if not stands(workload, wanted):
        return _ill(svc, workload, wanted)
    if route is None or (rollout.lane, key) not in route.lanes:
        return NotWhole(service=svc.service, detail="its frontend port does not know its lane yet")
    return None


def _ill(svc: ServiceState, workload: WorkloadSeen | None, wanted: int) -> NotWhole:
    return NotWhole(service=svc.service, detail=standing(workload, wanted))


def _secrets(release: Release) -> tuple[str, ...]:
    return release.definition.secrets


def _wanted(release: Release) -> int:
    return release.definition.web.instances[Ecosystem.STAGING]


def _list(found: NotWhole | None) -> list[NotWhole]:
    return [] if found is None else [found]
