"""Emergencies skip phases by name, with a reason, and never silently."""

from dataclasses import replace

import pytest

from scenarios.company import Company, job_of, of_commit
from scenarios.conftest import Found
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Ecosystem, Phase
from twinstage.model.rollout import Intent, IntentVerb, State
from twinstage.model.seen import Health
from twinstage.runtime.behaviour import FAILS, Behaviour


def skip(shop: Company, rollout: str, phases: str, *, why: str = "orders are lost") -> Intent:
    return shop.ask(IntentVerb.SKIP, rollout=rollout, phases=phases, by="grace", why=why)


def second(company: Found, state: State) -> tuple[Company, str]:
    """(shop, the rollout of a second release, in that state)."""
    shop = company("orders")
    shop.ship("orders")
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(rollout) is state)
    return shop, rollout


def test_all_phases_at_once_only_build_and_go_to_production_in_its_steps(company: Found) -> None:
    shop, rollout = second(company, State.BUILDING)
    answer = skip(shop, rollout, "canary development staging")
    assert answer.answer.endswith("of orders skips development, staging and canary")
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert shop.history(rollout) == [
        "building", "gating", "candidate", "verified", "production 50 %", "production 100 %", "live",
    ]  # fmt: skip
    kinds = {job.kind for job in shop.store.jobs(rollout=shop.rollout(rollout).id)}
    assert kinds == {JobKind.BUILD}
    assert [row.why for row in shop.lines("skip")] == [
        "development is skipped: orders are lost",
        "staging is skipped: orders are lost",
        "canary is skipped: orders are lost",
    ]
    assert {row.who for row in shop.lines("skip")} == {"grace"}
    whys = [row.why for row in shop.lines("rollout") if row.rollout == rollout]
    assert "development is skipped by grace: orders are lost" in whys
    assert "goes without a canary: its canary is skipped by grace: orders are lost" in whys
    shop.settle()
    assert not shop.lanes("orders")


def test_a_gate_that_runs_is_stopped_and_cannot_fail_the_release_any_more(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    commit = shop.write("orders")
    shop.world.end(job_of(commit, "unit"), replace(FAILS, steps=20))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: any(job.name == "unit" and job.started for job in shop.store.jobs(unfinished=True)))
    skip(shop, rollout, "development")
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    results = {job.name: job.result for job in shop.store.jobs(rollout=shop.rollout(rollout).id)}
    assert results["unit"] is JobResult.STOPPED
    assert "canary 5 %" in shop.history(rollout), "the other phases are not skipped"


def test_a_verification_that_runs_is_stopped_and_its_lane_goes(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    commit = shop.write("orders")
    shop.world.end(job_of(commit, "verify"), replace(FAILS, steps=20))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: any(job.name == "verify" and job.started for job in shop.store.jobs(unfinished=True)))
    skip(shop, rollout, "staging")
    assert shop.state(rollout) is not State.VERIFYING
    shop.until(lambda: not shop.lanes("orders"))
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert Phase.STAGING in shop.rollout(rollout).skips


def test_a_skipped_canary_that_is_bad_still_retreats(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    good, bad = shop.live("orders"), shop.write("orders")
    shop.world.behave(of_commit(bad, Ecosystem.PRODUCTION), Behaviour(health=Health.CRASHING))
    rollout = shop.submit("orders", bad)
    skip(shop, rollout, "canary")
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "CRASHING"
    assert shop.split("orders") == {good: 100}
    assert shop.world.meter.failed == 0


def test_a_phase_to_come_is_skipped_when_the_release_gets_there(company: Found) -> None:
    shop, rollout = second(company, State.GATING)
    assert skip(shop, rollout, "staging").accepted
    assert shop.state(rollout) is State.GATING
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    states = [line.split()[0] for line in shop.history(rollout)]
    assert "staging" not in states
    assert "canary" in states


@pytest.mark.parametrize(
    ("state", "phases", "words"),
    [
        (State.CANDIDATE, "development", "it is past that, in candidate"),
        (State.VERIFIED, "staging", "it is past that, in verified"),
        (State.PRODUCTION, "canary", "it is past that, in production 50 %"),
        (State.GATING, "production", "that is where it goes; `twinstage abort` ends it"),
        (State.GATING, "staging production", "that is where it goes"),
        (State.GATING, "qa", "cannot skip qa of rollout"),
        (State.GATING, "", "name development, staging or canary"),
        (State.LIVE, "canary", "it is live already"),
    ],
)
def test_what_cannot_be_skipped_now_is_refused_in_words(company: Found, state: State, phases: str, words: str) -> None:
    shop, rollout = second(company, state)
    before = shop.rollout(rollout).skips
    answer = skip(shop, rollout, phases)
    assert (answer.accepted, words in answer.answer) == (False, True), answer.answer
    assert shop.rollout(rollout).skips == before, "all or nothing"
    assert not shop.lines("skip")


def test_a_skip_wants_a_name_a_reason_and_something_new(company: Found) -> None:
    shop, rollout = second(company, State.GATING)
    silent = skip(shop, rollout, "staging", why="")
    assert (silent.accepted, "say who you are and why" in silent.answer) == (False, True)
    assert skip(shop, rollout[:6], "staging").accepted
    twice = skip(shop, rollout, "staging")
    assert (twice.accepted, "by grace: orders are lost" in twice.answer) == (False, True)
    nobody = skip(shop, "ffff", "staging")
    assert (nobody.accepted, "cannot find rollout" in nobody.answer) == (False, True)


def test_no_skip_goes_through_a_freeze(company: Found) -> None:
    shop, rollout = second(company, State.CANARY)
    shop.ask(IntentVerb.FREEZE, service="orders", by="ada", why="a sale")
    refused = skip(shop, rollout, "canary")
    assert (refused.accepted, "orders is frozen by ada: a sale" in refused.answer) == (False, True)
    shop.ask(IntentVerb.UNFREEZE, service="orders")
    assert skip(shop, rollout, "canary").accepted
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert "canary 25 %" not in shop.history(rollout)


def test_a_group_skips_staging_together(company: Found) -> None:
    shop = company("cart", "catalog")
    cart = shop.submit("cart", shop.write("cart", calls=["catalog"]))
    catalog = shop.submit("catalog", shop.write("catalog", calls=["cart"]))
    shop.until(lambda: {shop.state(cart), shop.state(catalog)} == {State.STAGING})
    answer = skip(shop, cart, "staging")
    assert answer.answer.endswith("so do the others of its group skip staging: catalog")
    assert shop.rollout(catalog).skips == {Phase.STAGING}
    shop.until(lambda: {shop.state(cart), shop.state(catalog)} == {State.LIVE})


def test_a_circle_that_is_closed_later_takes_the_skip_over(company: Found) -> None:
    shop = company("cart", "catalog")
    cart = shop.submit("cart", shop.write("cart", calls=["catalog"]))
    skip(shop, cart, "staging")
    shop.until(lambda: shop.reason(cart) == "WAITS_FOR_DEPENDENCIES")
    assert shop.state(cart) is State.CANDIDATE
    catalog = shop.submit("catalog", shop.write("catalog", calls=["cart"]))
    shop.until(lambda: {shop.state(cart), shop.state(catalog)} == {State.LIVE})
    skipped = shop.rollout(catalog).skip_of(Phase.STAGING)
    assert skipped is not None
    assert skipped.why == "orders are lost"
    assert [row.service for row in shop.lines("skip")] == ["cart", "catalog"]
    assert not any(job.kind is JobKind.VERIFY for job in shop.store.jobs())
