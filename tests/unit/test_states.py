"""The table is total, every state can end, and the diagram is drawn from it."""

import pytest
from handmade import NOW, POLICY, at, rollout, s

from twinstage.model.facts import Decision, Event
from twinstage.model.names import Phase
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import FINAL, IN_PRODUCTION, State
from twinstage.pipeline.states import LIMIT, RETREAT, SKIPPED, TABLE, IllegalEvent, apply, arrows, diagram, limit, move

WHY = Reason(code="VERIFIED", owner=Owner.PLATFORM)
OPEN = sorted(set(State) - FINAL, key=lambda state: state.value)


def decide(event: Event | None, **more: object) -> Decision:
    return Decision(event=event, reason=WHY, **more)  # type: ignore[arg-type]


def test_every_state_has_a_row_and_final_means_final() -> None:
    assert set(TABLE) == set(State)
    assert all(not TABLE[state] for state in FINAL)
    assert set(LIMIT) == set(State) - FINAL, "every state that is not final has an owner and a limit"
    assert {event for _, event, _ in arrows()} == set(Event), "every event is used"
    assert set(SKIPPED) == {state for state, row in TABLE.items() if Event.SKIP in row}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("event", Event, ids=lambda event: event.value)
def test_move_is_total(state: State, event: Event) -> None:
    drawn = [to for frm, ev, to in arrows() if frm is state and ev is event]
    if not drawn:
        with pytest.raises(IllegalEvent, match=f"cannot {event.value} a rollout that is {state.value}"):
            move(state, event, State.FAILED)
    else:
        assert move(state, event, State.FAILED)[0] in drawn


@pytest.mark.parametrize("state", OPEN, ids=lambda state: state.value)
def test_every_state_can_end_in_failure(state: State) -> None:
    reached, todo = {state}, [state]
    while todo:
        here = todo.pop()
        for to in {to for frm, _, to in arrows() if frm is here} - reached:
            reached.add(to)
            todo.append(to)
    assert State.FAILED in reached


@pytest.mark.parametrize("state", [state for state in OPEN if state is not State.RETREATING], ids=lambda st: st.value)
def test_abort_works_everywhere_and_its_outcome_survives_until_cleared(state: State) -> None:
    left = apply(rollout(state, share=5 if state in IN_PRODUCTION else 0), decide(Event.ABORT), POLICY, at(1))
    assert (left.state, left.outcome, left.share) == (State.RETREATING, State.ABORTED, 0)
    assert left.deadline == at(1) + limit(State.RETREATING, POLICY)
    assert apply(left, decide(Event.CLEARED), POLICY, at(2)).state is State.ABORTED


def test_nothing_clears_without_an_outcome() -> None:
    with pytest.raises(IllegalEvent):
        move(State.RETREATING, Event.CLEARED, None)


def test_a_rollout_in_production_is_never_superseded() -> None:
    assert RETREAT[Event.SUPERSEDE][0] & IN_PRODUCTION == frozenset()


def test_rounds_count_entries_into_verifying() -> None:
    r = apply(rollout(State.STAGING), decide(Event.HEALTHY), POLICY, NOW)
    assert (r.state, r.round) == (State.VERIFYING, 1)
    r = apply(apply(r, decide(Event.VOID), POLICY, NOW), decide(Event.HEALTHY), POLICY, NOW)
    assert (r.state, r.round) == (State.VERIFYING, 2)


def test_a_step_begins_another_share_but_not_another_time_limit() -> None:
    r = apply(rollout(State.VERIFIED), decide(Event.TURN, share=5), POLICY, NOW)
    assert (r.state, r.share, r.deadline) == (State.CANARY, 5, NOW + POLICY.longest_canary)
    r = apply(r, decide(Event.STEP, share=25), POLICY, at(30))
    assert (r.share, r.entered, r.exposed, r.deadline) == (25, at(30), None, NOW + POLICY.longest_canary)
    r = apply(r, decide(Event.PROMOTE, share=50), POLICY, at(60))
    assert (r.state, r.share, r.deadline) == (State.PRODUCTION, 50, at(60) + POLICY.limits["production"])
    assert apply(r, decide(Event.COMPLETE), POLICY, at(70)).state is State.LIVE


def test_each_new_retry_counts_once() -> None:
    r = apply(rollout(State.VERIFYING), decide(None, retry_at=at(1)), POLICY, NOW)
    assert (r.attempt, r.retry_at) == (2, at(1))
    r = apply(r, decide(None, retry_at=at(1)), POLICY, at(0.5))
    assert r.attempt == 2
    r = apply(r, decide(None), POLICY, at(2))
    assert (r.attempt, r.retry_at) == (2, None)


def test_a_skip_is_remembered() -> None:
    r = apply(rollout(State.CANDIDATE), decide(Event.SKIP), POLICY, NOW)
    assert (r.state, r.skips) == (State.VERIFIED, {Phase.STAGING})
    r = apply(r, decide(Event.SKIP), POLICY, at(1))
    assert (r.state, r.skips, r.entered) == (State.VERIFIED, {Phase.STAGING, Phase.CANARY}, NOW)


def test_an_illegal_event_changes_nothing() -> None:
    r = rollout(State.LIVE)
    with pytest.raises(IllegalEvent):
        apply(r, decide(Event.ABORT), POLICY, at(1))
    assert r == rollout(State.LIVE)


def test_limits_come_from_the_policy_with_the_longest_canary_as_the_canarys() -> None:
    assert limit(State.BUILDING, POLICY) == POLICY.limits["build"]
    assert limit(State.CANARY, POLICY) == POLICY.longest_canary
    assert limit(State.VERIFIED, type(POLICY)(limits={})) == s(3600)


def test_the_diagram_has_every_arrow() -> None:
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    for frm, event, to in arrows():
        assert f"  {frm.value} --> {to.value}: {event.value}" in lines
