"""CANARY: a small share of production's own traffic, judged against the rest of it."""

from datetime import datetime

from twinstage.model.facts import Answer, Decision, Event, Facts
from twinstage.model.names import Phase
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Rollout
from twinstage.pipeline.exposure import baked, longest, watch
from twinstage.pipeline.fitness import exposing, harm
from twinstage.pipeline.skip import skip_reason

NO_FIGURES = "nothing was counted yet"


def canary(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """Each share is watched for its part of the bake, and moves on when the judge says so, or an operator skips the rest."""
    if ill := harm(rollout, facts, policy, now):
        return ill
    if Phase.CANARY in rollout.skips and facts.frozen is None:
        reason = skip_reason(rollout, Phase.CANARY)
        return Decision(event=Event.SKIP, reason=reason, share=policy.production_shares[0])
    if rollout.exposed is None:
        return exposing(rollout, facts, policy)
    if facts.frozen is not None:
        return Decision(event=None, reason=facts.frozen)
    if _good(facts) and baked(rollout, policy, now):
        return _onward(rollout, facts, policy, now)
    if longest(rollout, now):
        return _unproven(facts, policy)
    return Decision(event=None, reason=_baking(rollout, policy))


def _good(facts: Facts) -> bool:
    return facts.verdict is not None and facts.verdict.answer is Answer.PROMOTE and facts.verdict.proven


def _onward(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    more = next((share for share in policy.canary_shares if share > rollout.share), None)
    if more is None or longest(rollout, now):
        return _promote("PROMOTED", facts, policy)
    return Decision(event=Event.STEP, reason=Reason(code="STEP", owner=Owner.CLOCK, facts={"share": more}), share=more)


def _unproven(facts: Facts, policy: Policy) -> Decision:
    """No time is left and nothing is proven. Either answer is said plainly."""
    if policy.unproven == "promote":
        return _promote("UNPROVEN", facts, policy)
    detail = {"detail": _figures(facts)}
    return Decision(event=None, reason=Reason(code="INCONCLUSIVE", owner=Owner.OPERATOR, facts=detail))


def _promote(code: str, facts: Facts, policy: Policy) -> Decision:
    reason = Reason(code=code, owner=Owner.CLOCK, facts={"detail": _figures(facts)})
    return Decision(event=Event.PROMOTE, reason=reason, share=policy.production_shares[0])


def _figures(facts: Facts) -> str:
    return NO_FIGURES if facts.verdict is None else facts.verdict.detail


def _baking(rollout: Rollout, policy: Policy) -> Reason:
    """Without the figures of the moment: they change each second, and what a rollout waits for does not."""
    until = None if rollout.exposed is None else rollout.exposed + watch(rollout, policy)
    return Reason(code="BAKING", owner=Owner.CLOCK, facts={"share": rollout.share}, until=until)
