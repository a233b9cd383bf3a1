"""The one question asked of every open rollout at every tick: does something happen to it, and if not, why not?"""

from collections.abc import Callable, Mapping
from datetime import datetime

from twinstage.model.facts import Decision, Facts
from twinstage.model.policy import Policy
from twinstage.model.rollout import Rollout, State
from twinstage.pipeline.canary import canary
from twinstage.pipeline.development import building, candidate, gating
from twinstage.pipeline.production import production
from twinstage.pipeline.retreat import retreating
from twinstage.pipeline.skip import skipping
from twinstage.pipeline.staging import staging, verifying
from twinstage.pipeline.turn import verified

Decide = Callable[[Rollout, Facts, Policy, datetime], Decision]

DECIDE: Mapping[State, Decide] = {
    State.BUILDING: building,
    State.GATING: gating,
    State.CANDIDATE: candidate,
    State.STAGING: staging,
    State.VERIFYING: verifying,
    State.VERIFIED: verified,
    State.CANARY: canary,
    State.PRODUCTION: production,
    State.RETREATING: retreating,
}


def advance(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """An event, or only the reason for waiting.

    Never raises for an open rollout; the event is one that ``states.move`` allows in its state. A final rollout is a
    KeyError: nothing happens to it any more, so nobody should ask.
    """
    return skipping(rollout, facts, policy) or DECIDE[rollout.state](rollout, facts, policy, now)
