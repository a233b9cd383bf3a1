"""VERIFIED: whose turn is it, and may it be compared?"""

from datetime import datetime

from twinstage.model.facts import Decision, Event, Facts
from twinstage.model.job import JobKind
from twinstage.model.names import Ecosystem, Phase
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import IN_PRODUCTION, Kind, Rollout, State
from twinstage.model.seen import Health, WorkloadSeen
from twinstage.pipeline.boundary import crossed
from twinstage.pipeline.keys import baseline_key
from twinstage.pipeline.rotation import serving
from twinstage.pipeline.secrecy import missing
from twinstage.pipeline.sight import standing, unseen
from twinstage.pipeline.states import limit
from twinstage.pipeline.waits import dependencies, mates_behind
from twinstage.pipeline.work import latest


def verified(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """Waits for its turn in production, then goes there: as a canary where there is something to compare it with."""
    if reason := crossed(facts, policy):
        return Decision(event=Event.UNFIT, reason=reason)
    if rollout.kind is not Kind.ROLLBACK and _old(rollout, facts, policy, now):
        return Decision(event=Event.VOID, reason=Reason(code="VERIFICATION_OLD", owner=Owner.CLOCK))
    if waiting := _waiting(rollout, facts):
        return Decision(event=None, reason=waiting)
    if uncompared := _uncompared(rollout, facts):
        share = 0 if facts.service.baseline is None and rollout.group is not None else 100
        return Decision(event=Event.TURN_UNCOMPARED, reason=uncompared, share=share)
    return _beside(rollout, facts, policy, now)


def _old(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> bool:
    if Phase.STAGING in rollout.skips:
        return False
    job = latest(facts.jobs, JobKind.VERIFY, "verify", rollout.round)
    since = rollout.entered if job is None or job.ended is None else job.ended
    return now >= since + policy.verification_valid


def _waiting(rollout: Rollout, facts: Facts) -> Reason | None:
    """What holds its turn back. A rollback is how an operator stops harm, so neither freeze nor pin holds it."""
    if rollout.kind is not Kind.ROLLBACK:
        if facts.frozen is not None:
            return facts.frozen
        if pin := facts.service.pin:
            pinned = {"release": pin.release, "by": pin.by, "why": pin.why}
            return Reason(code="PINNED", owner=Owner.OPERATOR, facts=pinned)
    for other in facts.others:
        if other.state in IN_PRODUCTION:
            turn = {"rollout": other.id, "state": other.state.value}
            return Reason(code="WAITS_FOR_TURN", owner=Owner.PLATFORM, facts=turn)
    if lacking := missing(facts, Ecosystem.PRODUCTION):
        return lacking
    if rollout.kind is Kind.ROLLBACK:
        return None
    return dependencies(facts) or mates_behind(facts, frozenset({State.VERIFIED}) | IN_PRODUCTION)


def _uncompared(rollout: Rollout, facts: Facts) -> Reason | None:
    """Why there is no canary, where that is known without a look at production."""
    if facts.service.baseline is None:
        return Reason(code="NO_BASELINE", owner=Owner.PLATFORM)
    if rollout.kind is Kind.ROLLBACK:
        return _not_compared("it is a rollback")
    if facts.service.baseline == rollout.release:
        return _not_compared("production runs this very release already")
    return None


def _beside(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """A canary beside what production runs, unless that is down: then there is nothing to compare with, nor to lose.

    Who skips the canary does not skip production: its first share is the first of production's, and it is judged there.
    """
    if waiting := unseen(facts, Ecosystem.PRODUCTION):
        return Decision(event=None, reason=waiting)
    key = baseline_key(facts.service, Ecosystem.PRODUCTION)
    seen = facts.seen[Ecosystem.PRODUCTION]
    baseline = None if key is None else seen.workloads.get(serving(key, seen))
    if baseline is not None and baseline.healthy:
        if Phase.CANARY in rollout.skips:
            share, reason = policy.production_shares[0], _not_compared(_skipped(rollout))
            return Decision(event=Event.TURN_UNCOMPARED, reason=reason, share=share)
        share = policy.canary_shares[0]
        facts_: dict[str, str | int | float] = {"share": share, "detail": standing(None, 1)}
        return Decision(
            event=Event.TURN, reason=Reason(code="EXPOSING", owner=Owner.RELEASE, facts=facts_), share=share
        )
    if baseline is None or _starting(baseline, policy, now):
        detail = {"detail": standing(baseline, 1)}
        return Decision(event=None, reason=Reason(code="BASELINE_STARTING", owner=Owner.PLATFORM, facts=detail))
    reason = _not_compared("what production runs has no healthy instance")
    return Decision(event=Event.TURN_UNCOMPARED, reason=reason, share=100)


def _starting(baseline: WorkloadSeen, policy: Policy, now: datetime) -> bool:
    """After the machine has started everything starts: that is no outage which a new release could end."""
    recently = limit(State.STAGING, policy)  # What a deploy is given.
    return not baseline.instances or any(
        i.health is Health.STARTING and now - i.since < recently for i in baseline.instances
    )


def _skipped(rollout: Rollout) -> str:
    asked = rollout.skip_of(Phase.CANARY)
    return "its canary is skipped" if asked is None else f"its canary is skipped by {asked.by}: {asked.why}"


def _not_compared(why: str) -> Reason:
    return Reason(code="NOT_COMPARED", owner=Owner.PLATFORM, facts={"why": why})
