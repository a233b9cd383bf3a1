"""VERIFIED, CANARY, PRODUCTION: whose turn, how much, how long, and when back."""

from dataclasses import replace

import pytest
from handmade import (
    CRASHING,
    HEALTHY,
    NOW,
    POLICY,
    PRODUCTION,
    STARTING,
    UNHEALTHY,
    at,
    crossing,
    facts,
    job,
    key,
    look,
    rollout,
    route,
    s,
    service,
    verdict,
    workload,
)

from twinstage.model.facts import Answer, Event
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Phase, ReleaseId, ServiceName
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Kind, Pin, Skip, State
from twinstage.pipeline.advance import advance
from twinstage.pipeline.exposure import baked, gives, longest

BASE = workload(key(PRODUCTION, "r1"), HEALTHY, HEALTHY)
DOWN = workload(key(PRODUCTION, "r1"), UNHEALTHY, CRASHING)
UP = look(PRODUCTION, BASE)
FROZEN = Reason(code="FROZEN", owner=Owner.OPERATOR, facts={"what": "orders", "by": "ada", "why": "holidays"})
PIN = Pin(release=ReleaseId("r1"), by="ada", why="r2 lost orders", at=NOW)
RETREAT = verdict(Answer.RETREAT, "7 of 31 requests failed, production 0 of 612")
PROMOTE = verdict(Answer.PROMOTE)
WATCH = verdict(Answer.WATCH)


def mine(*health, **more):
    return workload(key(PRODUCTION, "r2"), *health, **more)


def verified(**more):
    return rollout(State.VERIFIED, round=1, **more)


def canary(share=5, **more):
    return rollout(State.CANARY, share=share, **{"exposed": NOW, "deadline": at(3600), **more})


def production(share=50, **more):
    return rollout(State.PRODUCTION, share=share, **{"exposed": NOW, **more})


# VERIFIED


def test_its_turn_is_a_canary_beside_a_healthy_baseline() -> None:
    d = advance(verified(), facts(UP), POLICY, at(1))
    assert (d.event, d.share, d.reason.code) == (Event.TURN, 5, "EXPOSING")


def test_an_old_verification_is_sought_again_but_not_of_a_rollback() -> None:
    late = NOW + POLICY.verification_valid
    assert advance(verified(), facts(UP), POLICY, late).event is Event.VOID
    ended = job(JobKind.VERIFY, "verify", JobResult.SUCCEEDED, round=1, ended=at(-3600))
    d = advance(verified(), facts(UP, jobs=(ended,)), POLICY, late - s(1))
    assert (d.event, d.reason.code) == (Event.VOID, "VERIFICATION_OLD"), "counted from its end, not from being seen"
    assert advance(verified(skips=frozenset({Phase.STAGING})), facts(UP), POLICY, late).event is Event.TURN
    assert advance(verified(kind=Kind.ROLLBACK), facts(UP), POLICY, late).event is Event.TURN_UNCOMPARED


def test_what_holds_its_turn_back() -> None:
    other = rollout(State.CANARY, "o0", "r3")
    cases = {
        "FROZEN": facts(UP, frozen=FROZEN),
        "PINNED": facts(UP, service=service("r1", pin=PIN)),
        "WAITS_FOR_TURN": facts(UP, others=(other,)),
        "WAITS_FOR_DEPENDENCIES": facts(UP, missing_dependencies=(ServiceName("payments"),)),
        "WAITS_FOR_GROUP": facts(UP, group=(rollout(State.VERIFYING, "o2", "p1", "payments"),)),
        "UNSEEN": facts(look(PRODUCTION, BASE, proxy=STARTING)),
        "BASELINE_STARTING": facts(look(PRODUCTION, workload(key(PRODUCTION, "r1"), STARTING, UNHEALTHY))),
    }
    for code, known in cases.items():
        d = advance(verified(), known, POLICY, at(1))
        assert (d.event, d.reason.code) == (None, code)
        assert d.reason.sentence
    assert advance(verified(), facts(), POLICY, at(1)).reason.code == "UNSEEN"
    assert advance(verified(), facts(look(PRODUCTION)), POLICY, at(1)).reason.code == "BASELINE_STARTING"
    assert advance(verified(), facts(UP, others=(rollout(State.VERIFIED, "o0", "r3"),)), POLICY, at(1)).event


def test_what_goes_uncompared_says_why() -> None:
    first = facts(service=service())
    d = advance(verified(), first, POLICY, at(1))
    assert (d.event, d.share, d.reason.code) == (Event.TURN_UNCOMPARED, 100, "NO_BASELINE")
    mate = rollout(State.VERIFIED, "o2", "p1", "payments", group="g")
    d = advance(verified(group="g"), replace(first, group=(mate,)), POLICY, at(1))
    assert (d.event, d.share) == (Event.TURN_UNCOMPARED, 0), "a group gets traffic together"
    cases = {
        "rollback": (verified(kind=Kind.ROLLBACK), facts(UP, frozen=FROZEN, service=service("r2", "r1", pin=PIN))),
        "no healthy instance": (verified(), facts(look(PRODUCTION, DOWN))),
        "already": (verified(), facts(UP, service=service("r2"))),
    }
    for words, (r, known) in cases.items():
        d = advance(r, known, POLICY, at(1))
        assert (d.event, d.share, d.reason.code) == (Event.TURN_UNCOMPARED, 100, "NOT_COMPARED")
        assert words in d.reason.sentence


def test_who_skips_the_canary_still_goes_in_productions_steps() -> None:
    asked = Skip(phase=Phase.CANARY, by="ada", why="orders are lost", at=NOW)
    r = verified(skips=frozenset({Phase.CANARY}), skipped=(asked,))
    d = advance(r, facts(UP), POLICY, at(1))
    assert (d.event, d.share, d.reason.code) == (Event.TURN_UNCOMPARED, 50, "NOT_COMPARED")
    assert d.reason.sentence == "goes without a canary: its canary is skipped by ada: orders are lost"
    d = advance(r, facts(look(PRODUCTION, DOWN)), POLICY, at(1))
    assert (d.event, d.share) == (Event.TURN_UNCOMPARED, 100), "nothing is left to compare with"
    assert advance(r, facts(UP, frozen=FROZEN), POLICY, at(1)).reason.code == "FROZEN"
    here = facts(look(PRODUCTION, BASE, mine(HEALTHY)), verdict=WATCH)
    r = canary(skips=frozenset({Phase.CANARY}), skipped=(asked,))
    d = advance(r, here, POLICY, at(1))
    assert (d.event, d.share, d.reason.code) == (Event.SKIP, 50, "SKIPPED")
    assert advance(r, replace(here, frozen=FROZEN), POLICY, at(1)).event is None
    assert advance(r, replace(here, verdict=RETREAT), POLICY, at(1)).event is Event.UNFIT


def test_a_baseline_that_is_starting_for_ever_is_down() -> None:
    starting = look(PRODUCTION, workload(key(PRODUCTION, "r1"), STARTING))
    assert advance(verified(), facts(starting), POLICY, at(999)).event is Event.TURN_UNCOMPARED


# CANARY


def test_a_share_counts_from_when_the_proxy_gives_it() -> None:
    r, here = canary(exposed=None), look(PRODUCTION, BASE, mine(HEALTHY), route(PRODUCTION, {"r1": 95, "r2": 5}))
    d = advance(r, facts(look(PRODUCTION, BASE, mine(STARTING))), POLICY, at(1))
    assert (d.event, d.reason.code) == (None, "EXPOSING")
    assert not gives(r, service("r1"), UP)
    assert gives(r, service("r1"), here)
    assert not gives(replace(r, share=25), service("r1"), here)
    assert not gives(replace(r, share=0), service("r1"), here)


def test_a_canary_that_never_gets_healthy_retreats_in_words() -> None:
    here = facts(look(PRODUCTION, BASE, mine(UNHEALTHY, detail="answers /healthz with 500")))
    r, late = canary(exposed=None), NOW + POLICY.limits["deploy"]
    assert advance(r, here, POLICY, late - s(1)).event is None
    d = advance(r, here, POLICY, late)
    assert (d.event, d.reason.code) == (Event.UNFIT, "NEVER_HEALTHY")
    assert "answers /healthz with 500" in d.reason.sentence
    restarted = facts(look(PRODUCTION, BASE, mine(STARTING, since=late)))
    assert advance(r, restarted, POLICY, late + s(1)).event is None
    proxyless = facts(look(PRODUCTION, BASE, mine(UNHEALTHY), proxy=UNHEALTHY))
    assert advance(r, proxyless, POLICY, late).reason.code == "UNSEEN"


@pytest.mark.parametrize("r", [canary(exposed=None), canary(), production(), production(100)])
def test_instances_that_keep_failing_make_it_unfit(r) -> None:
    d = advance(r, facts(look(PRODUCTION, BASE, mine(HEALTHY, CRASHING, detail="killed by signal 9"))), POLICY, at(1))
    assert (d.event, d.reason.code) == (Event.UNFIT, "CRASHING")
    assert "killed by signal 9" in d.reason.sentence


@pytest.mark.parametrize("r", [canary(), production(50)])
def test_worse_than_production_is_unfit_with_figures(r) -> None:
    d = advance(r, facts(look(PRODUCTION, BASE, mine(HEALTHY)), verdict=RETREAT, frozen=FROZEN), POLICY, at(1))
    assert (d.event, d.reason.code) == (Event.UNFIT, "CANARY_WORSE")
    assert "7 of 31 requests failed, production 0 of 612" in d.reason.sentence


@pytest.mark.parametrize("r", [canary(), production(50)])
@pytest.mark.parametrize("more", [{"verdict": RETREAT}, {"crossings": (crossing(),)}])
def test_the_only_healthy_copy_stays(r, more) -> None:
    d = advance(r, facts(look(PRODUCTION, DOWN, mine(HEALTHY)), **more), POLICY, at(1))
    assert (d.event, d.reason.code) == (None, "ONLY_HEALTHY_COPY")
    assert d.reason.sentence
    assert advance(r, facts(look(PRODUCTION, DOWN, mine(UNHEALTHY)), **more), POLICY, at(1)).event is Event.UNFIT


def test_each_canary_share_is_watched_for_its_part_of_the_bake() -> None:
    here = facts(look(PRODUCTION, BASE, mine(HEALTHY)), verdict=PROMOTE)
    d = advance(canary(), here, POLICY, at(9.9))
    assert (d.event, d.reason.code, d.reason.until) == (None, "BAKING", at(10))
    assert not baked(canary(), POLICY, at(9.9))
    assert baked(canary(), POLICY, at(10))
    assert not baked(canary(exposed=None), POLICY, at(10))
    d = advance(canary(), here, POLICY, at(10))
    assert (d.event, d.share, d.reason.code) == (Event.STEP, 25, "STEP")
    d = advance(canary(25), here, POLICY, at(10))
    assert (d.event, d.share, d.reason.code) == (Event.PROMOTE, 50, "PROMOTED")
    assert advance(canary(), replace(here, verdict=WATCH), POLICY, at(10)).reason.code == "BAKING"
    assert advance(canary(), replace(here, frozen=FROZEN), POLICY, at(10)).reason.code == "FROZEN"


def test_the_longest_canary_ends_as_the_standard_says() -> None:
    here, late = facts(look(PRODUCTION, BASE, mine(HEALTHY)), verdict=WATCH), at(3600)
    assert longest(canary(), late)
    assert not longest(canary(), at(3599))
    d = advance(canary(), here, POLICY, late)
    assert (d.event, d.share, d.reason.code) == (Event.PROMOTE, 50, "UNPROVEN")
    d = advance(canary(), replace(here, verdict=replace(PROMOTE, proven=False)), POLICY, late)
    assert d.reason.code == "UNPROVEN", "a promotion that is not proven says so"
    d = advance(canary(), replace(here, verdict=None), replace(POLICY, unproven="hold"), late)
    assert (d.event, d.reason.code) == (None, "INCONCLUSIVE")
    assert advance(canary(), replace(here, verdict=PROMOTE), POLICY, late).reason.code == "PROMOTED"
    assert advance(canary(), replace(here, verdict=RETREAT), POLICY, late).event is Event.UNFIT
    assert advance(canary(exposed=None, entered=at(3590)), here, POLICY, late).event is None


# PRODUCTION


def test_production_goes_in_steps_that_settle() -> None:
    here = facts(look(PRODUCTION, BASE, mine(HEALTHY, HEALTHY)), verdict=WATCH)
    assert advance(production(exposed=None), here, POLICY, at(1)).reason.code == "EXPOSING"
    d = advance(production(), here, POLICY, at(4))
    assert (d.event, d.reason.code, d.reason.until) == (None, "SETTLING", at(5))
    d = advance(production(), here, POLICY, at(5))
    assert (d.event, d.share) == (Event.STEP, 100)
    assert advance(production(), replace(here, frozen=FROZEN), POLICY, at(5)).reason.code == "FROZEN"
    assert advance(production(100), here, POLICY, at(4)).reason.code == "SETTLING"
    d = advance(production(100), replace(here, frozen=FROZEN, verdict=RETREAT), POLICY, at(5))
    assert (d.event, d.reason.code) == (Event.COMPLETE, "LIVE"), "completing is never frozen, nor compared"


def test_it_is_live_only_with_every_replica_healthy() -> None:
    half = facts(look(PRODUCTION, BASE, mine(HEALTHY, UNHEALTHY, since=at(4))))
    d = advance(production(100), half, POLICY, at(6))
    assert (d.event, d.reason.code) == (None, "EXPOSING")
    late = NOW + POLICY.limits["deploy"]
    d = advance(production(100), half, POLICY, late)
    assert (d.event, d.reason.code) == (Event.UNFIT, "UNWELL")
    assert "1 of 2" in d.reason.sentence
    assert advance(production(100), facts(), POLICY, at(6)).reason.code == "UNSEEN"


def test_a_group_gets_traffic_when_all_of_it_is_healthy() -> None:
    r = production(0, group="g", exposed=None)
    mate = rollout(State.PRODUCTION, "o2", "p1", "payments", group="g")
    theirs = workload(key(PRODUCTION, "p1", "payments"), HEALTHY)

    def known(*things, **more):
        return facts(look(PRODUCTION, *things), service=service(), group=(mate,), **more)

    assert advance(r, known(theirs), POLICY, at(1)).reason.code == "EXPOSING"
    assert advance(r, known(mine(HEALTHY, HEALTHY)), POLICY, at(1)).reason.code == "WAITS_FOR_GROUP"
    d = advance(r, known(mine(HEALTHY, HEALTHY), theirs), POLICY, at(1))
    assert (d.event, d.share) == (Event.STEP, 100)
    frozen = known(mine(HEALTHY, HEALTHY), theirs, frozen=FROZEN)
    assert advance(r, frozen, POLICY, at(1)).reason.code == "FROZEN"
    begun = replace(frozen, group=(replace(mate, share=100),))
    assert advance(r, begun, POLICY, at(1)).event is Event.STEP, "half a group in production calls the other half"
    left = replace(known(mine(HEALTHY)), group=(), missing_dependencies=(ServiceName("payments"),))
    assert advance(r, left, POLICY, at(1)).reason.code == "WAITS_FOR_DEPENDENCIES"
    behind = replace(known(mine(HEALTHY)), group=(replace(mate, state=State.VERIFIED),))
    assert advance(r, behind, POLICY, at(1)).reason.code == "WAITS_FOR_GROUP"
    assert advance(r, facts(service=service()), POLICY, at(1)).reason.code == "UNSEEN"


def test_a_rollback_is_not_frozen() -> None:
    here = facts(look(PRODUCTION, BASE, mine(HEALTHY, HEALTHY)), frozen=FROZEN)
    assert advance(production(50, kind=Kind.ROLLBACK), here, POLICY, at(5)).event is Event.STEP
