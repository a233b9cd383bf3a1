"""RETREATING ends when nothing of the rollout is seen any more, and still says why it began."""

from string import Formatter

import pytest
from handmade import HEALTHY, LANE, NOW, POLICY, PRODUCTION, STAGING, at, facts, job, key, look, rollout, route, service
from handmade import workload as seen

from twinstage.model.facts import Event
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import LaneId
from twinstage.model.reasons import SENTENCES, Owner, Reason
from twinstage.model.rollout import State
from twinstage.pipeline.advance import DECIDE, advance
from twinstage.pipeline.keys import production_key

CAUSE = Reason(code="CANARY_WORSE", owner=Owner.RELEASE, facts={"detail": "7 of 31 requests failed"})
R = rollout(State.RETREATING, outcome=State.FAILED, reason=CAUSE)
CLEAN = (look(PRODUCTION, route(PRODUCTION, {"r1": 100})), look(STAGING, route(STAGING, {"r1": 100})))
IN_PRODUCTION, IN_STAGING = seen(key(PRODUCTION, "r2"), HEALTHY), seen(key(STAGING, "r2"), HEALTHY)


def test_it_clears_and_keeps_the_cause() -> None:
    d = advance(R, facts(*CLEAN, jobs=(job(JobKind.GATE, "unit", JobResult.STOPPED),)), POLICY, at(1))
    assert (d.event, d.reason) == (Event.CLEARED, CAUSE)


@pytest.mark.parametrize(
    ("known", "left"),
    [
        (facts(*CLEAN, jobs=(job(JobKind.VERIFY, "verify"),)), "its jobs"),
        (facts(look(PRODUCTION, route(PRODUCTION, {"r1": 95, "r2": 5})), CLEAN[1]), "its share in production"),
        (facts(CLEAN[0], look(STAGING, route(STAGING, {"r1": 100}, {LANE: "r2"}))), "its lane in staging"),
        (facts(look(PRODUCTION, IN_PRODUCTION), CLEAN[1]), "its instances in production"),
        (facts(CLEAN[0], look(STAGING, IN_STAGING)), "its instances in staging"),
        (facts(CLEAN[0]), "a look at staging"),
    ],
)
def test_what_is_left_is_named_beside_the_cause(known, left) -> None:
    d = advance(R, known, POLICY, at(1))
    assert (d.event, d.reason.code, d.reason.facts["left"]) == (None, "CANARY_WORSE", left)
    assert d.reason.sentence == CAUSE.sentence
    done = advance(rollout(State.RETREATING, outcome=State.FAILED, reason=d.reason), facts(*CLEAN), POLICY, at(2))
    assert done.reason == CAUSE


def test_a_release_that_others_need_runs_on() -> None:
    running = (look(PRODUCTION, IN_PRODUCTION, route(PRODUCTION, {"r2": 100})), look(STAGING, IN_STAGING))
    assert advance(R, facts(*running, service=service("r2")), POLICY, at(1)).event is Event.CLEARED
    again = rollout(State.STAGING, "o2", "r2", lane=LaneId("0badcafe"))
    assert advance(R, facts(*running, others=(again,)), POLICY, at(1)).event is Event.CLEARED
    leaving = rollout(State.RETREATING, "o2", "r2", lane=LaneId("0badcafe"))
    assert advance(R, facts(*running, others=(leaving,)), POLICY, at(1)).event is None
    laned = look(STAGING, IN_STAGING, route(STAGING, {"r2": 100}, {LANE: "r2"}))
    still = facts(running[0], laned, service=service("r2"))
    assert advance(R, still, POLICY, at(1)).reason.facts["left"] == "its lane in staging"


def test_before_a_build_there_is_nothing_but_its_jobs() -> None:
    early = rollout(State.RETREATING, rel=None, outcome=State.ABORTED)
    assert advance(early, facts(release=None), POLICY, at(1)).event is Event.CLEARED


def test_keys_need_a_release() -> None:
    with pytest.raises(ValueError, match="nothing is built yet"):
        production_key(rollout(State.BUILDING), service())
    assert production_key(R, service()) == key(PRODUCTION, "r2")


def test_every_open_state_is_decided_and_every_sentence_can_be_read() -> None:
    assert set(DECIDE) == {state for state in State if rollout(state).open}
    fields = dict.fromkeys(_fields(), "x")
    for code in SENTENCES:
        assert Reason(code=code, owner=Owner.CLOCK, facts=fields, until=NOW).sentence


def _fields() -> set[str]:
    return {name for text in SENTENCES.values() for _, name, _, _ in Formatter().parse(text) if name}
