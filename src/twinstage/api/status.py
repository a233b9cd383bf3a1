"""Everything ``status`` shows, as one document with a version that changes whenever anything but the clock does. Pure."""

import hashlib
from collections.abc import Iterator

from twinstage import wire
from twinstage.api import documents, errands, probes, rows
from twinstage.api.rows import Sight
from twinstage.desired.parity import parity
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import Freeze, State
from twinstage.model.seen import Health, Observed

STALE = 15.0
"""Seconds without a look at an ecosystem, after which people are told."""


def status(sight: Sight) -> wire.Status:
    found = wire.Status(
        version="",
        at=sight.at,
        ecosystem=sight.name,
        enforced=len(sight.seen) == len(Ecosystem) and all(o.enforced for o in sight.seen.values()),
        mirror=_mirror(sight),
        freezes=[f for f in map(documents.freeze, _freezes(sight)) if f is not None],
        services=[rows.row(sight, service) for service in sight.services.values()],
        parts={eco.value: dict(observed.parts) for eco, observed in sight.seen.items()},
        attention=list(_attention(sight)),
        probes=list(sight.probes),
        leaving=tuple(sorted(_leaving(sight))),
        limits=documents.limits(sight.boundary),
    )
    return found.model_copy(update={"version": _version(found)})


def _leaving(sight: Sight) -> set[str]:
    running = {key.service for observed in sight.seen.values() for key in observed.workloads}
    routed = {service for observed in sight.seen.values() for service in observed.routes}
    return {str(service) for service in running | routed if service not in sight.services}


def _version(found: wire.Status) -> str:
    without_the_clock = found.model_copy(
        update={
            "at": None,
            "services": [
                row.model_copy(
                    update={
                        "phases": {
                            phase: [o.model_copy(update={"progress": None}) for o in occupants]
                            for phase, occupants in row.phases.items()
                        }
                    }
                )
                for row in found.services
            ],
        }
    )
    return hashlib.sha256(without_the_clock.model_dump_json(warnings=False).encode()).hexdigest()[:16]


def _mirror(sight: Sight) -> wire.Mirror:
    staging = sight.seen.get(Ecosystem.STAGING)
    if staging is None:
        staging = Observed(ecosystem=Ecosystem.STAGING, at=sight.at, workloads={}, routes={}, parts={}, enforced=False)
    since = {b.service: b.since for b in sight.breaks}
    changed = {name: at for name, svc in sight.services.items() if (at := rows.live_since(sight, svc))}
    found = parity(sight.services, sight.releases, staging, sight.behind, since, changed)
    breaks = [wire.Break(service=a.service, since=a.since, detail=a.detail) for a in found.amiss]
    shared = [wire.SharedHost(service=it.service, host=it.host, why=it.why) for it in found.shared]
    return wire.Mirror(
        mirrored=found.mirrored, services=found.of, breaks=breaks, coming=list(found.coming), shared=shared
    )


def _freezes(sight: Sight) -> list[Freeze]:
    """The one of every service first; none of a service that was removed."""
    return [f for scope, f in sight.freezes.items() if scope is None or scope in sight.services]


def _attention(sight: Sight) -> Iterator[wire.Attention]:
    yield from _platform(sight)
    yield from probes.attention(sight.probes)
    for name, service in sight.services.items():
        if service.pin is not None:
            text = f"pinned to {service.pin.release} by {service.pin.by}: {service.pin.why}"
            yield wire.Attention(service=name, text=f"{text}; `twinstage resume {name}` lets releases move on again")
    yield from errands.attention(sight.services, sight.releases, sight.open, sight.seen)
    for rollout in sight.open:
        if rollout.state is State.RETREATING or rollout.deadline > sight.at:
            continue
        text = f"{rollout.id} is longer in {rollout.state.value} than its limit; `twinstage why {rollout.id}`"
        yield wire.Attention(service=rollout.service, text=text, since=rollout.deadline)
    open_releases = {r.release for r in sight.open}
    for found in sight.crossings:
        caller = sight.services.get(found.service) if found.service else None
        if caller is not None and found.release == caller.baseline and found.release not in open_releases:
            it = found.crossing
            text = f"{it.ecosystem}'s baseline {found.release} called {it.target}; {it.advice}".rstrip("; ")
            yield wire.Attention(service=found.service, text=text, since=it.at)
            break  # the newest speaks for all; `boundary` lists them


def _platform(sight: Sight) -> Iterator[wire.Attention]:
    if sight.hindered:
        text = (
            f"the controller cannot do its work: {sight.hindered}; nothing moves on until it can, and what runs goes on"
        )
        yield wire.Attention(service=None, text=text)
    for ecosystem in Ecosystem:
        observed = sight.seen.get(ecosystem)
        if observed is None:
            yield wire.Attention(service=None, text=f"the controller has not yet looked at {ecosystem}")
            continue
        if not observed.enforced:
            yield wire.Attention(
                service=None, text=f"the boundary of {ecosystem} is NOT enforced; `twinstage boundary`"
            )
        age = (sight.at - observed.at).total_seconds()
        if age > STALE:
            text = f"the controller has not looked at {ecosystem} of late: what is shown of it is old"
            yield wire.Attention(service=None, text=text, since=observed.at)
        for part, health in observed.parts.items():
            if health is not Health.HEALTHY:
                yield wire.Attention(service=None, text=f"{ecosystem}: its {part} is {health}")
