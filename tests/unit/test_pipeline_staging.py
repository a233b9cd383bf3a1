"""STAGING, VERIFYING: the lane, the mirror around it, the verdict and what voids it."""

from dataclasses import replace

import pytest
from handmade import (
    CRASHING,
    HEALTHY,
    LANE,
    POLICY,
    RECORD,
    STAGING,
    STARTING,
    UNHEALTHY,
    at,
    broken,
    crossing,
    facts,
    job,
    key,
    look,
    release,
    rollout,
    route,
    s,
    workload,
)

from twinstage.model.facts import Event
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import ServiceName
from twinstage.model.rollout import State
from twinstage.pipeline.advance import advance
from twinstage.pipeline.states import apply

LIMIT = POLICY.limits["deploy"]
LED = route(STAGING, {"r1": 100}, {LANE: "r2"})
VERIFY = JobKind.VERIFY


def lane(*health, **more):
    return workload(key(STAGING, "r2"), *health, **more)


def staging(**more):
    return rollout(State.STAGING, deadline=at(0) + LIMIT, **more)


def verifying(**more):
    return rollout(State.VERIFYING, deadline=at(300), round=1, **more)


def ended(result: JobResult | None, **more):
    return job(VERIFY, "verify", result, round=1, **more)


def test_a_lane_that_stands_in_a_whole_mirror_is_verified() -> None:
    d = advance(staging(), facts(look(STAGING, lane(HEALTHY), LED)), POLICY, at(1))
    assert (d.event, d.reason.code) == (Event.HEALTHY, "VERIFYING")
    assert [j.id for j in d.jobs] == ["o1.verify.verify.1.1"]
    again = advance(staging(round=1), facts(look(STAGING, lane(HEALTHY), LED)), POLICY, at(1))
    assert [j.id for j in again.jobs] == ["o1.verify.verify.2.1"], "another round is another job"


@pytest.mark.parametrize(
    "things",
    [
        (),
        (lane(STARTING), LED),
        (lane(HEALTHY),),
        (lane(HEALTHY), route(STAGING, {"r1": 100})),
        (lane(HEALTHY, UNHEALTHY), LED),
    ],
    ids=["nothing", "starting", "no route", "no lane in the route", "half"],
)
def test_a_lane_that_does_not_stand_is_waited_for(things) -> None:
    d = advance(staging(), facts(look(STAGING, *things)), POLICY, at(1))
    assert (d.event, d.reason.code, d.jobs) == (None, "DEPLOYING_LANE", ())


def test_no_verdict_is_sought_in_a_broken_mirror() -> None:
    known = facts(look(STAGING, lane(HEALTHY), LED), mirror_breaks=(broken(),))
    d = advance(staging(), known, POLICY, at(1))
    assert (d.event, d.reason.code) == (None, "MIRROR_NOT_WHOLE")
    assert "payments" in d.reason.sentence
    healed = replace(known, mirror_breaks=(broken(until=0.5),))
    assert advance(staging(), healed, POLICY, at(1)).event is Event.HEALTHY


def test_a_lane_that_never_gets_healthy_fails_in_words() -> None:
    ill = look(STAGING, lane(UNHEALTHY, detail="does not listen on PORT 16001, but on 8000"))
    assert advance(staging(), facts(ill), POLICY, at(60)).event is None, "it has its time"
    d = advance(staging(), facts(ill), POLICY, at(0) + LIMIT)
    assert (d.event, d.reason.code) == (Event.UNFIT, "LANE_NEVER_HEALTHY")
    assert "does not listen on PORT 16001, but on 8000" in d.reason.sentence


def test_a_lane_whose_instances_keep_failing_fails_early() -> None:
    d = advance(staging(), facts(look(STAGING, lane(CRASHING, detail="exited with status 1"))), POLICY, at(5))
    assert (d.event, d.reason.code) == (Event.UNFIT, "LANE_NEVER_HEALTHY")
    assert "exited with status 1" in d.reason.sentence


def test_the_platforms_trouble_is_not_the_releases() -> None:
    late = at(0) + LIMIT
    crashing = look(STAGING, lane(CRASHING))
    assert (
        advance(staging(), facts(crashing, mirror_breaks=(broken(),)), POLICY, late).reason.code == "MIRROR_NOT_WHOLE"
    )
    proxyless = look(STAGING, lane(CRASHING), proxy=STARTING)
    d = advance(staging(), facts(proxyless), POLICY, late)
    assert (d.event, d.reason.code) == (None, "UNSEEN")
    assert "proxy" in d.reason.sentence
    assert advance(staging(), facts(), POLICY, late).reason.code == "UNSEEN"
    assert advance(staging(), facts(look(STAGING)), POLICY, late).event is None, "it was never started"
    fresh = look(STAGING, lane(STARTING, since=late))
    assert advance(staging(), facts(fresh), POLICY, late + s(1)).event is None, "the machine has just started"


def test_a_lane_waits_for_what_it_calls_and_its_group() -> None:
    here = look(STAGING, lane(HEALTHY), LED)
    missing = facts(here, missing_dependencies=(ServiceName("payments"),))
    assert advance(staging(), missing, POLICY, at(1)).reason.code == "WAITS_FOR_DEPENDENCIES"
    mate = rollout(State.STAGING, "o2", "p1", "payments", group="g")
    alone = facts(here, group=(mate,))
    d = advance(staging(group="g"), alone, POLICY, at(1))
    assert (d.event, d.reason.code) == (None, "WAITS_FOR_GROUP")
    both = facts(look(STAGING, lane(HEALTHY), LED, workload(key(STAGING, "p1", "payments"), HEALTHY)), group=(mate,))
    assert advance(staging(group="g"), both, POLICY, at(1)).event is Event.HEALTHY
    behind = facts(here, group=(replace(mate, state=State.CANDIDATE),))
    assert advance(staging(group="g"), behind, POLICY, at(1)).reason.code == "WAITS_FOR_GROUP"
    assert advance(staging(), facts(here, release=None), POLICY, at(1)).event is None


@pytest.mark.parametrize("state", [State.STAGING, State.VERIFYING, State.VERIFIED, State.CANARY, State.PRODUCTION])
def test_a_crossing_makes_a_release_unfit_wherever_it_is(state: State) -> None:
    known = facts(look(STAGING, lane(HEALTHY), LED), jobs=(ended(JobResult.SUCCEEDED),))
    r = rollout(state, round=1)
    d = advance(r, replace(known, crossings=(crossing("outside", 1, target="dns api.x"), crossing())), RECORD, at(9))
    assert (d.event, d.reason.code) == (Event.UNFIT, "CROSSED")
    assert d.reason.sentence == "called production payments from staging: use PAYMENTS_URL"
    stray = replace(known, crossings=(crossing("outside", target="dns api.x", advice=""),))
    assert advance(r, stray, POLICY, at(9)).reason.code == "CROSSED"
    assert advance(r, stray, RECORD, at(9)).reason.code != "CROSSED"


def test_without_verification_a_healthy_lane_is_enough() -> None:
    bare = release("r2", verify=None)
    known = facts(look(STAGING, lane(HEALTHY), LED), release=bare)
    d = advance(staging(), known, POLICY, at(1))
    assert (d.event, d.jobs) == (Event.HEALTHY, ())
    r = apply(staging(), d, POLICY, at(1))
    assert advance(r, known, POLICY, at(2)).event is Event.VERIFIED
    assert advance(r, replace(known, mirror_breaks=(broken(),)), POLICY, at(2)).event is Event.VOID


def test_a_verification_under_way_is_waited_for() -> None:
    d = advance(verifying(), facts(jobs=(ended(None),)), POLICY, at(9))
    assert (d.event, d.reason.code, d.reason.until) == (None, "VERIFYING", at(300))
    late = advance(verifying(), facts(jobs=(ended(None),)), POLICY, at(400))
    assert (late.event, late.reason.code) == (Event.UNFIT, "DEADLINE")


def test_a_verification_of_an_earlier_round_does_not_count() -> None:
    old = job(VERIFY, "verify", JobResult.SUCCEEDED, round=0)
    d = advance(verifying(), facts(jobs=(old,)), POLICY, at(9))
    assert (d.event, [j.id for j in d.jobs]) == (None, ["o1.verify.verify.1.1"])


@pytest.mark.parametrize(
    ("result", "event", "code"),
    [
        (JobResult.SUCCEEDED, Event.VERIFIED, "VERIFIED"),
        (JobResult.FAILED, Event.UNFIT, "VERIFY_FAILED"),
        (JobResult.TIMED_OUT, Event.UNFIT, "VERIFY_TIMED_OUT"),
    ],
)
def test_results_count_in_a_whole_mirror_and_are_void_in_a_broken_one(result, event, code) -> None:
    known = facts(jobs=(ended(result, exit_status=1),))
    d = advance(verifying(), known, POLICY, at(9))
    assert (d.event, d.reason.code) == (event, code)
    assert d.reason.sentence
    for touches in (broken(since=-9, until=1), broken(since=3, until=4), broken(since=4)):
        d = advance(verifying(), replace(known, mirror_breaks=(touches,)), POLICY, at(9))
        assert (d.event, d.reason.code) == (Event.VOID, "VERIFICATION_VOID")
    for before_or_after in (broken(since=-9, until=-1), broken(since=7)):
        assert advance(verifying(), replace(known, mirror_breaks=(before_or_after,)), POLICY, at(9)).event is event


def test_a_lost_verification_is_run_again() -> None:
    known = facts(jobs=(ended(JobResult.LOST),), mirror_breaks=(broken(),))
    d = advance(verifying(), known, POLICY, at(9))
    assert d.reason.code == "PLATFORM_TROUBLE"
    r = apply(verifying(), d, POLICY, at(9))
    assert [j.id for j in advance(r, known, POLICY, at(20)).jobs] == ["o1.verify.verify.1.2"]
