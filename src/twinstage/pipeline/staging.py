"""Staging: the lane beside the mirror, and the verification in it. STAGING, VERIFYING."""

from datetime import datetime

from twinstage.jobs.specs import export_name, verify_job
from twinstage.model.facts import Decision, Event, Facts, MirrorBreak
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Release
from twinstage.model.rollout import HAS_LANE, Rollout
from twinstage.model.seen import WorkloadSeen
from twinstage.model.workload import WorkloadKey
from twinstage.pipeline.boundary import crossed
from twinstage.pipeline.databases import broken, unready
from twinstage.pipeline.keys import lane_key
from twinstage.pipeline.rotation import serving
from twinstage.pipeline.sight import crashing, mate_stands, standing, stands, unseen, unwell
from twinstage.pipeline.states import limit
from twinstage.pipeline.waits import dependencies, mates_behind
from twinstage.pipeline.work import NO_RESULT, latest, overdue, regain


def staging(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """Waits until the lane stands and the mirror around it is whole; then the verification starts."""
    if reason := crossed(facts, policy):
        return Decision(event=Event.UNFIT, reason=reason)
    if reason := broken(rollout, facts, Ecosystem.STAGING):
        return Decision(event=Event.UNFIT, reason=reason)
    if unseen(facts, Ecosystem.STAGING) is None and (held := unready(rollout, facts, Ecosystem.STAGING)):
        return held
    release = facts.release
    waiting = unseen(facts, Ecosystem.STAGING) or dependencies(facts) or _mates(facts)
    if release is None or waiting:
        return Decision(event=None, reason=waiting or _starting(rollout, 0, 1))
    wanted = release.definition.web.instances[Ecosystem.STAGING]
    seen = facts.seen[Ecosystem.STAGING]
    key = serving(lane_key(rollout, facts.service, release), seen)
    workload = seen.workloads.get(key)
    if not stands(workload, wanted) or not _routed(rollout, facts, key):
        return _not_standing(rollout, facts, policy, now, workload, wanted)
    if amiss := _broken_now(facts):
        return Decision(event=None, reason=_not_whole(amiss))
    return Decision(event=Event.HEALTHY, reason=_verifying(None), jobs=_verification(rollout, release, policy, 1))


def _verification(rollout: Rollout, release: Release, policy: Policy, rounds: int) -> tuple[Job, ...]:
    """The job of the round that begins when VERIFYING is entered; none where nothing is to be verified."""
    if release.definition.verify is None:
        return ()
    source = export_name(rollout.service, rollout.commit)
    return (verify_job(rollout, release, source, policy, rollout.round + rounds, 1),)


def _not_standing(
    rollout: Rollout, facts: Facts, policy: Policy, now: datetime, workload: WorkloadSeen | None, wanted: int
) -> Decision:
    """Only with a whole mirror around it is the release to blame for a lane that does not stand."""
    if amiss := _broken_now(facts):
        return Decision(event=None, reason=_not_whole(amiss))
    late = now >= rollout.deadline and unwell(workload, now, limit(rollout.state, policy))
    if late or crashing(workload):
        detail = {"detail": standing(workload, wanted)}
        return Decision(event=Event.UNFIT, reason=Reason(code="LANE_NEVER_HEALTHY", owner=Owner.RELEASE, facts=detail))
    return Decision(event=None, reason=_starting(rollout, 0 if workload is None else workload.healthy, wanted))


def _routed(rollout: Rollout, facts: Facts, key: WorkloadKey) -> bool:
    route = facts.seen[Ecosystem.STAGING].routes.get(rollout.service)
    return route is not None and (rollout.lane, key) in route.lanes


def _mates(facts: Facts) -> Reason | None:
    """A group verifies in one lane, so all of it must stand before any of it is verified."""
    if waiting := mates_behind(facts, HAS_LANE):
        return waiting
    seen = facts.seen[Ecosystem.STAGING]
    behind = sorted(mate.service for mate in facts.group if not mate_stands(seen, mate.service, mate.release))
    if not behind:
        return None
    members = {"members": ", ".join(f"{service} is not healthy in its lane yet" for service in behind)}
    return Reason(code="WAITS_FOR_GROUP", owner=Owner.PLATFORM, facts=members)


def _broken_now(facts: Facts) -> MirrorBreak | None:
    return next((b for b in facts.mirror_breaks if b.until is None), None)


def _not_whole(amiss: MirrorBreak) -> Reason:
    return Reason(
        code="MIRROR_NOT_WHOLE",
        owner=Owner.PLATFORM,
        facts={
            "service": amiss.service,
            "since": amiss.since.isoformat(timespec="seconds"),
            "detail": amiss.detail,
        },
    )


def _starting(rollout: Rollout, healthy: int, wanted: int) -> Reason:
    facts = {"healthy": healthy, "wanted": wanted}
    return Reason(code="DEPLOYING_LANE", owner=Owner.RELEASE, facts=facts, until=rollout.deadline)


def _verifying(until: datetime | None) -> Reason:
    return Reason(code="VERIFYING", owner=Owner.RELEASE, until=until)


def verifying(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """A crossing outweighs any result; a broken mirror voids it, whichever it is."""
    if reason := crossed(facts, policy):
        return Decision(event=Event.UNFIT, reason=reason)
    release = facts.release
    running = _verifying(rollout.deadline)
    job = latest(facts.jobs, JobKind.VERIFY, "verify", rollout.round)
    if job is None and (release is None or release.definition.verify is not None):
        new = () if release is None else _verification(rollout, release, policy, 0)
        return Decision(event=None, reason=running, jobs=new)
    if job is not None and job.result is None:
        if overdue(rollout, [job], now):
            return _unfit("DEADLINE", {"state": rollout.state.value, "detail": "the verification gives no result"})
        return Decision(event=None, reason=running)
    if job is not None and job.result in NO_RESULT:
        return regain(rollout, [job], running, now)
    if amiss := _broken_during(rollout, facts, job, now):
        void = Reason(code="VERIFICATION_VOID", owner=Owner.PLATFORM, facts={"service": amiss.service})
        return Decision(event=Event.VOID, reason=void)
    return _result(job)


def _broken_during(rollout: Rollout, facts: Facts, job: Job | None, now: datetime) -> MirrorBreak | None:
    """A break that touches the time in which the verdict was reached."""
    began = rollout.entered if job is None or job.started is None else job.started
    ended = now if job is None or job.ended is None else job.ended
    for b in facts.mirror_breaks:
        if b.since <= ended and (b.until is None or b.until >= began):
            return b
    return None


def _result(job: Job | None) -> Decision:
    if job is None or job.result is JobResult.SUCCEEDED:
        return Decision(event=Event.VERIFIED, reason=Reason(code="VERIFIED", owner=Owner.PLATFORM))
    if job.result is JobResult.TIMED_OUT:
        return _unfit("VERIFY_TIMED_OUT", {})
    return _unfit("VERIFY_FAILED", {"status": "none" if job.exit_status is None else job.exit_status})


def _unfit(code: str, facts: dict[str, str | int | float]) -> Decision:
    return Decision(event=Event.UNFIT, reason=Reason(code=code, owner=Owner.RELEASE, facts=facts))
