"""PRODUCTION: the rest of the way, in steps."""

from datetime import datetime

from twinstage.model.facts import Decision, Event, Facts
from twinstage.model.names import Ecosystem
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import IN_PRODUCTION, Kind, Rollout
from twinstage.pipeline.exposure import baked, watch
from twinstage.pipeline.fitness import exposing, harm, overlay
from twinstage.pipeline.sight import mate_stands, stands, unseen
from twinstage.pipeline.waits import dependencies, mates_behind

WHOLE = 100


def production(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """Each share settles; below 100 % the judge keeps judging; at 100 %, healthy and settled, it is live."""
    if ill := harm(rollout, facts, policy, now):
        return ill
    if rollout.share == 0:
        return _together(rollout, facts, policy)
    if rollout.exposed is None:
        return exposing(rollout, facts, policy)
    if not baked(rollout, policy, now):
        return Decision(event=None, reason=_settling(rollout, policy))
    if rollout.share < WHOLE:
        return _onward(rollout, facts, policy)
    workload = overlay(rollout, facts)
    if waiting := unseen(facts, Ecosystem.PRODUCTION):
        return Decision(event=None, reason=waiting)
    if workload is None or not stands(workload, workload.replicas):
        return exposing(rollout, facts, policy)
    return Decision(event=Event.COMPLETE, reason=Reason(code="LIVE", owner=Owner.PLATFORM))


def _together(rollout: Rollout, facts: Facts, policy: Policy) -> Decision:
    """Members of a group call each other, so none gets traffic before all of them are healthy in production."""
    waiting = unseen(facts, Ecosystem.PRODUCTION) or dependencies(facts) or mates_behind(facts, IN_PRODUCTION)
    if waiting:
        return Decision(event=None, reason=waiting)
    workload = overlay(rollout, facts)
    if workload is None or not stands(workload, workload.replicas):
        return exposing(rollout, facts, policy)
    seen = facts.seen[Ecosystem.PRODUCTION]
    behind = sorted(mate.service for mate in facts.group if not mate_stands(seen, mate.service, mate.release))
    if behind:
        members = {"members": ", ".join(f"{service} is not healthy in production yet" for service in behind)}
        return Decision(event=None, reason=Reason(code="WAITS_FOR_GROUP", owner=Owner.PLATFORM, facts=members))
    # Where one of them has traffic already, to hold the others back would only break its calls.
    if facts.frozen is not None and not any(mate.share for mate in facts.group):
        return Decision(event=None, reason=facts.frozen)
    return _step(WHOLE)


def _onward(rollout: Rollout, facts: Facts, policy: Policy) -> Decision:
    if facts.frozen is not None and rollout.kind is not Kind.ROLLBACK:
        return Decision(event=None, reason=facts.frozen)
    return _step(next((share for share in policy.production_shares if share > rollout.share), WHOLE))


def _step(share: int) -> Decision:
    return Decision(
        event=Event.STEP, reason=Reason(code="STEP", owner=Owner.CLOCK, facts={"share": share}), share=share
    )


def _settling(rollout: Rollout, policy: Policy) -> Reason:
    until = None if rollout.exposed is None else rollout.exposed + watch(rollout, policy)
    return Reason(code="SETTLING", owner=Owner.CLOCK, facts={"share": rollout.share}, until=until)
