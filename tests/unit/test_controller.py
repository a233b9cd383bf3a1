"""The controller's own small decisions; what it does as a whole is played in tests/scenarios."""

from datetime import timedelta
from typing import Any

import handmade
import pytest
from handmade import NOW, service

from twinstage.controller.deciding import completed, decided, place
from twinstage.controller.mirror import changes
from twinstage.model.facts import Decision, Event, MirrorBreak
from twinstage.model.names import ServiceName
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Kind, Rollout, State
from twinstage.pipeline.states import IllegalEvent

ORDERS = ServiceName("orders")
LIVE = Reason(code="LIVE", owner=Owner.PLATFORM)


def rollout(state: State = State.PRODUCTION, release: str | None = "r2", **more: Any) -> Rollout:
    return handmade.rollout(state, rel=release, **more)


@pytest.mark.parametrize(
    ("before", "kind", "release", "after"),
    [
        ((), Kind.SHIP, "r1", ("r1",)),
        (("r1",), Kind.SHIP, "r2", ("r1", "r2")),
        (("r1", "r2"), Kind.SHIP, "r1", ("r1", "r2", "r1")),
        (("r1", "r2"), Kind.SHIP, "r2", ("r1", "r2")),
        (("r1", "r2"), Kind.ROLLBACK, "r1", ("r1",)),
        (("r0", "r1", "r2"), Kind.ROLLBACK, "r1", ("r0", "r1")),
        (("r1", "r2", "r1"), Kind.ROLLBACK, "r2", ("r1", "r2")),
    ],
)
def test_what_completing_does_to_the_baselines(
    before: tuple[str, ...], kind: Kind, release: str, after: tuple[str, ...]
) -> None:
    assert completed(service(*before), rollout(release=release, kind=kind)).baselines == after


def test_completing_moves_rollout_baseline_and_journal_together() -> None:
    decision = Decision(event=Event.COMPLETE, reason=LIVE)
    change = decided(rollout(share=100), service("r1"), decision, Policy(), NOW)
    ((_, after),) = change.rollouts
    ((_, moved),) = change.services
    assert (after.state, moved.baselines) == (State.LIVE, ("r1", "r2"))
    assert [(e.what, e.before, e.after) for e in change.journal] == [
        ("rollout", "production 100 %", "live"),
        ("baseline", "r1", "r2"),
    ]


def test_a_reason_that_is_the_same_changes_nothing() -> None:
    waiting = rollout(State.CANDIDATE)
    same = Decision(event=None, reason=waiting.reason)
    assert decided(waiting, service(), same, Policy(), NOW).empty


def test_another_reason_is_saved_and_not_journalled() -> None:
    decision = Decision(event=None, reason=LIVE)
    change = decided(rollout(State.CANDIDATE), service(), decision, Policy(), NOW)
    assert change.rollouts
    assert not change.journal


def test_trouble_of_the_platform_is_journalled_once_an_attempt() -> None:
    facts: dict[str, str | int | float] = {"detail": "x", "attempt": 2}
    reason = Reason(code="PLATFORM_TROUBLE", owner=Owner.PLATFORM, facts=facts)
    decision = Decision(event=None, reason=reason, retry_at=NOW + timedelta(seconds=1))
    before = rollout(State.BUILDING, None)
    change = decided(before, service(), decision, Policy(), NOW)
    ((_, after),) = change.rollouts
    assert (after.attempt, [e.what for e in change.journal]) == (2, ["trouble"])
    assert decided(after, service(), decision, Policy(), NOW).empty


def test_an_event_that_the_table_does_not_know_changes_nothing() -> None:
    with pytest.raises(IllegalEvent, match="cannot complete a rollout that is building"):
        decided(rollout(State.BUILDING), service(), Decision(event=Event.COMPLETE, reason=LIVE), Policy(), NOW)


@pytest.mark.parametrize(
    ("state", "share", "words"),
    [(State.CANARY, 5, "canary 5 %"), (State.PRODUCTION, 100, "production 100 %"), (State.STAGING, 0, "staging")],
)
def test_a_place_begins_with_its_state(state: State, share: int, words: str) -> None:
    assert place(rollout(state, share=share)) == words


def test_breaks_of_the_mirror_begin_and_end_once() -> None:
    begun, lines = changes({ORDERS: "0 of 1 healthy"}, {}, NOW)
    assert [(b.service, b.since, b.until) for b in begun] == [(ORDERS, NOW, None)]
    assert [(e.before, e.after) for e in lines] == [("whole", "broken")]
    known: dict[ServiceName, MirrorBreak] = {b.service: b for b in begun}
    assert changes({ORDERS: "another detail"}, known, NOW) == ((), ())
    later = NOW + timedelta(seconds=3)
    ended, lines = changes({}, known, later)
    assert [(b.since, b.until) for b in ended] == [(NOW, later)]
    assert [(e.before, e.after) for e in lines] == [("broken", "whole")]
