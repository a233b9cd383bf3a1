"""In production: what makes a rollout unfit, and when it stays although it is."""

from datetime import datetime

from twinstage.model.facts import Answer, Decision, Event, Facts
from twinstage.model.names import Ecosystem
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Rollout, State
from twinstage.model.seen import Observed, WorkloadSeen
from twinstage.pipeline.boundary import crossed
from twinstage.pipeline.databases import broken, unready
from twinstage.pipeline.keys import baseline_key, production_key
from twinstage.pipeline.rotation import serving
from twinstage.pipeline.sight import crashing, standing, unseen, unwell
from twinstage.pipeline.states import limit


def overlay(rollout: Rollout, facts: Facts) -> WorkloadSeen | None:
    """The rollout's own workload in production, as seen."""
    seen = _production(facts)
    return seen.workloads.get(serving(production_key(rollout, facts.service), seen))


def harm(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision | None:
    """UNFIT, or the reason why an unfit rollout stays; None: nothing speaks against it."""
    migration = broken(rollout, facts, Ecosystem.PRODUCTION)
    reason = crossed(facts, policy) or migration or _ill(rollout, facts, policy, now) or _worse(rollout, facts)
    if reason is None:
        return None
    if _only_healthy_copy(rollout, facts):
        stays = {"why": reason.sentence}
        return Decision(event=None, reason=Reason(code="ONLY_HEALTHY_COPY", owner=Owner.OPERATOR, facts=stays))
    return Decision(event=Event.UNFIT, reason=reason)


def _ill(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Reason | None:
    """Its instances fail, or have had their time to become healthy. Never said while the proxy cannot say it."""
    if unseen(facts, Ecosystem.PRODUCTION) is not None:
        return None
    workload, allowed = overlay(rollout, facts), limit(State.STAGING, policy)
    late = now >= rollout.entered + allowed and unwell(workload, now, allowed)
    if not late and not crashing(workload):
        return None
    detail = {"detail": standing(workload, 1 if workload is None else workload.replicas)}
    late_code = "NEVER_HEALTHY" if rollout.exposed is None else "UNWELL"
    code = "CRASHING" if crashing(workload) else late_code
    return Reason(code=code, owner=Owner.RELEASE, facts=detail)


def _worse(rollout: Rollout, facts: Facts) -> Reason | None:
    """At 100 % there is no production left to compare with."""
    verdict = facts.verdict
    if verdict is None or verdict.answer is not Answer.RETREAT or rollout.share >= 100:
        return None
    return Reason(code="CANARY_WORSE", owner=Owner.RELEASE, facts={"detail": verdict.detail})


def _only_healthy_copy(rollout: Rollout, facts: Facts) -> bool:
    """Then it answers the only requests that are answered at all: halt, and never take it away."""
    if facts.service.baseline is None or facts.service.baseline == rollout.release:
        return False
    key = baseline_key(facts.service, Ecosystem.PRODUCTION)
    seen = _production(facts)
    baseline = None if key is None else seen.workloads.get(serving(key, seen))
    mine = overlay(rollout, facts)
    return (baseline is None or baseline.healthy == 0) and mine is not None and mine.healthy > 0


def exposing(rollout: Rollout, facts: Facts, policy: Policy) -> Decision:
    """Its share is not seen to be given yet."""
    if waiting := unseen(facts, Ecosystem.PRODUCTION):
        return Decision(event=None, reason=waiting)
    if held := unready(rollout, facts, Ecosystem.PRODUCTION):
        return held
    workload, seen, key = overlay(rollout, facts), _production(facts), production_key(rollout, facts.service)
    detail = standing(workload, 1)
    if serving(key, seen) != key:  # it gets no more than it has until those with the new secrets stand
        wanted = 1 if workload is None else workload.replicas
        detail = f"with its new secrets, {standing(seen.workloads.get(key), wanted)}; the older ones serve"
    facts_: dict[str, str | int | float] = {"share": rollout.share, "detail": detail}
    until = rollout.entered + limit(State.STAGING, policy)
    return Decision(event=None, reason=Reason(code="EXPOSING", owner=Owner.RELEASE, facts=facts_, until=until))


def _production(facts: Facts) -> Observed:
    seen = facts.seen.get(Ecosystem.PRODUCTION)
    if seen is not None:
        return seen
    at = max((o.at for o in facts.seen.values()), default=datetime.min)
    return Observed(ecosystem=Ecosystem.PRODUCTION, at=at, workloads={}, routes={}, parts={}, enforced=False)
