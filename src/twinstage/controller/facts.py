"""What a decision about one rollout may know, gathered from the store and from the present look."""

from datetime import datetime

from twinstage.controller.freezing import frozen
from twinstage.controller.means import Means
from twinstage.controller.mirror import STAGING_ITSELF
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.desired.desired import has_lane
from twinstage.desired.wholeness import closure
from twinstage.judge.window import Window, difference
from twinstage.model.facts import Facts, MirrorBreak, Verdict
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import HAS_LANE, IN_PRODUCTION, Rollout
from twinstage.model.seen import Crossing, TrafficSample
from twinstage.model.workload import WorkloadKey
from twinstage.pipeline.exposure import baked, longest
from twinstage.pipeline.keys import baseline_key, production_key
from twinstage.pipeline.rotation import serving


def facts_of(rollout: Rollout, situation: Situation, means: Means, sight: Sight) -> Facts:
    jobs = tuple(means.store.jobs(rollout=rollout.id))
    lanes = {r.lane for r in situation.rollouts.values() if has_lane(r)}
    return Facts(
        service=situation.services[rollout.service],
        release=situation.release_of(rollout),
        evidence=tuple(means.store.evidence(rollout.service, rollout.commit)),
        jobs=jobs,
        seen=sight.seen,
        others=tuple(r for r in situation.open_of(rollout.service) if r.id != rollout.id),
        group=situation.group_of(rollout),
        missing_dependencies=missing(rollout, situation),
        lanes_in_use=len(lanes),
        mirror_breaks=_breaks(rollout, situation, means, jobs),
        crossings=_crossings(rollout, means),
        verdict=_verdict(rollout, situation, means, sight),
        frozen=frozen(rollout, situation),
        ready=frozenset(key for key in situation.ready if key.service == rollout.service),
        mirror_data=_behind(rollout, situation),
    )


def _behind(rollout: Rollout, situation: Situation) -> Reason | None:
    source = situation.behind.get(rollout.service)
    if source is None or source.stuck:
        return None
    return Reason(code="WAITS_FOR_DATA", owner=Owner.PLATFORM, facts={"detail": source.why})


def missing(rollout: Rollout, situation: Situation) -> tuple[ServiceName, ...]:
    """What it declares and neither production runs nor its group brings along."""
    release = situation.release_of(rollout)
    if release is None:
        return ()
    there = {name for name, svc in situation.services.items() if svc.baseline is not None and not svc.removed}
    there |= {rollout.service, *(mate.service for mate in situation.group_of(rollout))}
    return tuple(name for name in release.definition.depends_on if name not in there)


def _breaks(rollout: Rollout, situation: Situation, means: Means, jobs: tuple[Job, ...]) -> tuple[MirrorBreak, ...]:
    """Of what the candidate calls, directly or not, and of staging's own parts; since its latest verification began."""
    release = situation.release_of(rollout)
    if release is None or rollout.state not in HAS_LANE:
        return ()
    definitions = {
        name: situation.releases[svc.baseline].definition
        for name, svc in situation.services.items()
        if svc.baseline is not None
    }
    for mate in situation.group_of(rollout):
        if (theirs := situation.release_of(mate)) is not None:
            definitions[mate.service] = theirs.definition
    definitions[rollout.service] = release.definition
    around = {*closure(rollout.service, definitions), STAGING_ITSELF}
    since = _began(rollout, jobs)
    return tuple(b for b in means.store.mirror_breaks(open_only=False, since=since) if b.service in around)


def _began(rollout: Rollout, jobs: tuple[Job, ...]) -> datetime:
    verifications = [job for job in jobs if job.kind is JobKind.VERIFY and job.round == rollout.round]
    started = [job.started for job in verifications if job.started is not None]
    return min([rollout.entered, *started[-1:]])


def _crossings(rollout: Rollout, means: Means) -> tuple[Crossing, ...]:
    if rollout.release is None:
        return ()
    return tuple(means.store.crossings_of(rollout.release, since=rollout.submitted, limit=100))


def _verdict(rollout: Rollout, situation: Situation, means: Means, sight: Sight) -> Verdict | None:
    """Of the time since its present share was seen in force; None where there is nothing to compare."""
    service = situation.services[rollout.service]
    baseline = baseline_key(service, Ecosystem.PRODUCTION)
    if rollout.state not in IN_PRODUCTION or rollout.share >= 100 or rollout.release is None or baseline is None:
        return None
    if rollout.exposed is None or sight.traffic is None:
        return None
    watch = means.store.watch(rollout.id)
    if watch is None:
        return None
    production = sight.seen.get(Ecosystem.PRODUCTION)
    mine, theirs = (
        key if production is None else serving(key, production) for key in (production_key(rollout, service), baseline)
    )
    return means.judge.verdict(
        _window(mine, watch.first, sight.traffic),
        _window(theirs, watch.first, sight.traffic),
        baked=baked(rollout, situation.policy, sight.at),
        longest=longest(rollout, sight.at),
        unproven=situation.policy.unproven,
    )


def _window(key: WorkloadKey, first: tuple[TrafficSample, ...], last: tuple[TrafficSample, ...]) -> Window:
    return difference([s for s in first if s.workload == key], [s for s in last if s.workload == key])
