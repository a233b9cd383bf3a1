"""The journey of a release: its states, and the only ways between them.

A rollout carries one commit from development through staging and a canary to production. At any time it is in exactly
one state, and each state has one owner whose move it is. Nothing else about a rollout decides what may happen next.

*   The way forward is TABLE: BUILDING, GATING and CANDIDATE are development; STAGING, VERIFYING and VERIFIED happen in
    the sealed mirror; CANARY and PRODUCTION are the same workload at growing shares of real traffic. Each arrow is an
    event that ``advance`` finds in the facts, or that a person asks for (SKIP, ABORT).
*   There is one way back: VOID. A verification that the mirror spoiled, or that is too old, counts neither for nor
    against the release; it goes to STAGING and is sought again, as another round.
*   Every way out is the same way out: RETREATING, with the outcome written down on entry. Retreating takes the traffic
    away first, then what ran; only when nothing of the rollout is seen any more does CLEARED lead to that outcome. It is
    the one arrow that depends on data (``Rollout.outcome``), because three ways out need not be three cleanings up.
*   Final means final. A commit that failed is submitted again as another rollout.

Waiting is not a state. A freeze, a pin, a mirror that is not whole, a job that the platform lost, a baseline that is
down: the state stays, and the rollout's reason says what it waits for. So no combination of them can be forgotten.

An event that the table does not know in a state raises IllegalEvent and changes nothing. The diagram in the
documentation is drawn from this table by ``diagram``.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from twinstage.model.facts import Decision, Event
from twinstage.model.names import Phase
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner
from twinstage.model.rollout import FINAL, IN_PRODUCTION, Rollout, State

S, E = State, Event

TABLE: Mapping[State, Mapping[Event, State]] = {
    S.BUILDING: {E.BUILT: S.GATING},
    S.GATING: {E.EVIDENCE_COMPLETE: S.CANDIDATE, E.SKIP: S.CANDIDATE},
    S.CANDIDATE: {E.ADMITTED: S.STAGING, E.SKIP: S.VERIFIED},
    S.STAGING: {E.HEALTHY: S.VERIFYING, E.SKIP: S.VERIFIED},
    S.VERIFYING: {E.VERIFIED: S.VERIFIED, E.VOID: S.STAGING, E.SKIP: S.VERIFIED},
    S.VERIFIED: {E.TURN: S.CANARY, E.TURN_UNCOMPARED: S.PRODUCTION, E.VOID: S.STAGING, E.SKIP: S.VERIFIED},
    S.CANARY: {E.STEP: S.CANARY, E.PROMOTE: S.PRODUCTION, E.SKIP: S.PRODUCTION},
    S.PRODUCTION: {E.STEP: S.PRODUCTION, E.COMPLETE: S.LIVE},
    S.RETREATING: {},
    S.LIVE: {},
    S.FAILED: {},
    S.ABORTED: {},
    S.SUPERSEDED: {},
}

UNDER_WAY = frozenset(S) - FINAL - {S.RETREATING}

RETREAT: Mapping[Event, tuple[frozenset[State], State]] = {
    E.UNFIT: (UNDER_WAY, S.FAILED),
    E.ABORT: (UNDER_WAY, S.ABORTED),
    E.SUPERSEDE: (UNDER_WAY - IN_PRODUCTION, S.SUPERSEDED),
}
"""Event -> (states in which it may happen, the outcome that RETREATING then leads to)."""

SKIPPED: Mapping[State, Phase] = {
    S.GATING: Phase.DEVELOPMENT,
    S.CANDIDATE: Phase.STAGING,
    S.STAGING: Phase.STAGING,
    S.VERIFYING: Phase.STAGING,
    S.VERIFIED: Phase.CANARY,
    S.CANARY: Phase.CANARY,
}
"""Which phase a SKIP in this state leaves out. A skipped STAGING has no lane."""

LIMIT: Mapping[State, tuple[Owner, str, Event | None]] = {
    S.BUILDING: (Owner.RELEASE, "build", E.UNFIT),
    S.GATING: (Owner.RELEASE, "gates", E.UNFIT),
    S.CANDIDATE: (Owner.PLATFORM, "admission", None),
    S.STAGING: (Owner.RELEASE, "deploy", E.UNFIT),
    S.VERIFYING: (Owner.RELEASE, "verify", E.UNFIT),
    S.VERIFIED: (Owner.OPERATOR, "turn", None),
    S.CANARY: (Owner.CLOCK, "canary", None),
    S.PRODUCTION: (Owner.CLOCK, "production", None),
    S.RETREATING: (Owner.PLATFORM, "retreat", None),
}
"""State -> (whose move it is, key in ``policy.limits``, what the deadline brings: None keeps waiting, and says so)."""


class IllegalEvent(Exception):
    """Cannot do this to a rollout in that state. Nothing was changed."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"cannot {event.value} a rollout that is {state.value}")
        self.state, self.event = state, event


def move(state: State, event: Event, outcome: State | None) -> tuple[State, State | None]:
    """(next state, its outcome). ``outcome`` is the rollout's; raises IllegalEvent."""
    if event in RETREAT and state in RETREAT[event][0]:
        return S.RETREATING, RETREAT[event][1]
    if state is S.RETREATING and event is E.CLEARED and outcome in FINAL:
        return outcome, outcome
    if event not in TABLE[state]:
        raise IllegalEvent(state, event)
    return TABLE[state][event], None


def limit(state: State, policy: Policy) -> timedelta:
    """How long a rollout may be in a state. A canary's is the longest canary: there the standard says what then happens."""
    if state is S.CANARY:
        return policy.longest_canary
    return policy.limits.get(LIMIT[state][1], timedelta(hours=1))


def apply(rollout: Rollout, decision: Decision, policy: Policy, now: datetime) -> Rollout:
    """The rollout after a decision; the store saves exactly this. Raises IllegalEvent and changes nothing.

    ``version`` is the store's to raise, ``release`` the controller's to set with BUILT, ``exposed`` what it has seen.
    """
    if decision.event is None:
        late = decision.retry_at is not None and decision.retry_at != rollout.retry_at
        return replace(
            rollout, reason=decision.reason, retry_at=decision.retry_at, attempt=rollout.attempt + (1 if late else 0)
        )
    state, outcome = move(rollout.state, decision.event, rollout.outcome)
    skips = rollout.skips | {SKIPPED[rollout.state]} if decision.event is E.SKIP else rollout.skips
    if state is rollout.state and decision.event is E.SKIP:
        return replace(rollout, skips=skips, reason=decision.reason)
    # A step within a state begins another share, not another time limit.
    deadline = (
        rollout.deadline if state is rollout.state else now + (limit(state, policy) if state in LIMIT else timedelta())
    )
    return replace(
        rollout,
        state=state,
        outcome=outcome,
        reason=decision.reason,
        entered=now,
        exposed=None,
        attempt=1,
        retry_at=None,
        share=_share(rollout, decision, state),
        skips=skips,
        round=rollout.round + (1 if state is S.VERIFYING else 0),
        deadline=deadline,
    )


def _share(rollout: Rollout, decision: Decision, state: State) -> int:
    if state not in IN_PRODUCTION:
        return 0
    return rollout.share if decision.share is None else decision.share


def arrows() -> tuple[tuple[State, Event, State], ...]:
    """Every arrow there is, in the table's order."""
    ways = [(state, event, to) for state, row in TABLE.items() for event, to in row.items()]
    ways += [(state, event, S.RETREATING) for event, (froms, _) in RETREAT.items() for state in S if state in froms]
    ways += [(S.RETREATING, E.CLEARED, outcome) for _, outcome in RETREAT.values()]
    return tuple(ways)


def diagram() -> str:
    """The table as a mermaid state diagram. The three ways out are drawn once, from all states they leave."""
    lines = ["stateDiagram-v2", "  [*] --> building"]
    lines += [
        f"  {state.value} --> {to.value}: {event.value}" for state, row in TABLE.items() for event, to in row.items()
    ]
    for event, (froms, _) in RETREAT.items():
        lines += [f"  {state.value} --> retreating: {event.value}" for state in S if state in froms]
    lines += [f"  retreating --> {outcome.value}: cleared" for _, outcome in RETREAT.values()]
    lines += [f"  {state.value} --> [*]" for state in S if state in FINAL]
    return "\n".join(lines) + "\n"
