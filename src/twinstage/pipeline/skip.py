"""Phases that an operator has a rollout leave out."""

from twinstage.jobs.databases import DATA
from twinstage.model.facts import Decision, Event, Facts
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Phase, Place
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Rollout, State
from twinstage.pipeline.boundary import crossed
from twinstage.pipeline.states import SKIPPED
from twinstage.pipeline.waits import dependencies

BEFORE_PRODUCTION = frozenset({State.GATING, State.CANDIDATE, State.STAGING, State.VERIFYING})
"""Here a skip moves a rollout on at once. VERIFIED only notes it (its turn has no canary then), CANARY looks for harm first."""
CAN_BE_SKIPPED = (Phase.DEVELOPMENT, Phase.STAGING, Phase.CANARY)
"""In their order. Production is where a release goes: there is nothing beyond it."""


def skipping(rollout: Rollout, facts: Facts, policy: Policy) -> Decision | None:
    """SKIP where the phase that it is in is left out. A release that crossed the boundary is not helped past that.

    What lacks dependencies stays a candidate: it could not take its turn, and only candidates that call each other in a
    circle become a group.
    """
    phase = SKIPPED.get(rollout.state)
    if rollout.state not in BEFORE_PRODUCTION or phase not in rollout.skips or crossed(facts, policy):
        return None
    if rollout.state is State.CANDIDATE and dependencies(facts):
        return None
    return Decision(event=Event.SKIP, reason=skip_reason(rollout, phase))


def skip_reason(rollout: Rollout, phase: Phase) -> Reason:
    asked = rollout.skip_of(phase)
    by, why = ("nobody", "it was not asked for") if asked is None else (asked.by, asked.why)
    return Reason(code="SKIPPED", owner=Owner.OPERATOR, facts={"phase": phase.value, "by": by, "why": why})


def ahead(state: State) -> tuple[Phase, ...]:
    """The phases that a rollout in this state can still leave out, the present one first."""
    if state is State.BUILDING:
        return CAN_BE_SKIPPED
    present = SKIPPED.get(state)
    return () if present is None else CAN_BE_SKIPPED[CAN_BE_SKIPPED.index(present) :]


def left_out(job: Job, rollout: Rollout) -> bool:
    """Is the job's result of no use, because its rollout leaves its phase out?"""
    phase = {JobKind.GATE: Phase.DEVELOPMENT, JobKind.VERIFY: Phase.STAGING}.get(job.kind)
    if job.kind in DATA and job.place is Place.STAGING:
        phase = Phase.STAGING
    return phase in rollout.skips
