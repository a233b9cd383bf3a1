"""What people may do to a rollout, and what they are told."""

from dataclasses import replace
from typing import Any, NoReturn

import pytest

from scenarios.company import POLICY, Company, of_commit
from scenarios.conftest import Found
from twinstage.controller import advancing, intents
from twinstage.model.facts import Decision
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import Intent, IntentVerb, Rollout, State
from twinstage.model.seen import Health
from twinstage.pipeline.advance import advance
from twinstage.runtime.behaviour import Behaviour

EVERYWHERE = [
    s for s in State if s not in {State.RETREATING, State.LIVE, State.FAILED, State.ABORTED, State.SUPERSEDED}
]


def second_release(company: Found) -> tuple[Company, str, str]:
    """(shop, the commit that is live, the rollout of the one after it)."""
    shop = company("orders")
    shop.ship("orders")
    good = shop.live("orders")
    assert good is not None
    return shop, good, shop.submit("orders", shop.write("orders"))


def rollback(shop: Company, why: str = "customers complain") -> Intent:
    return shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why=why)


@pytest.mark.parametrize("state", EVERYWHERE, ids=lambda s: s.value)
def test_abort_works_in_every_state_and_leaves_nothing(company: Found, state: State) -> None:
    shop, good, rollout = second_release(company)
    shop.until(lambda: shop.state(rollout) is state)
    answer = shop.ask(IntentVerb.ABORT, rollout=rollout[:6], by="grace", why="wrong branch")
    assert answer.accepted, answer.answer
    shop.until(lambda: shop.state(rollout) is State.ABORTED)
    assert "grace: wrong branch" in shop.said(rollout)
    shop.settle()
    assert shop.split("orders") == {good: 100}
    assert set(shop.runs(Ecosystem.PRODUCTION)) == set(shop.runs(Ecosystem.STAGING)) == {("orders", good)}
    assert not shop.lanes("orders")
    assert not shop.world.jobs
    assert shop.world.meter.failed == 0


def test_abort_wants_a_reason_and_something_to_abort(company: Found) -> None:
    shop, _, rollout = second_release(company)
    silent = shop.ask(IntentVerb.ABORT, rollout=rollout)
    assert (silent.accepted, "say who you are and why" in silent.answer) == (False, True)
    nothing = shop.ask(IntentVerb.ABORT, rollout="ffff", why="x")
    assert (nothing.accepted, "cannot find rollout" in nothing.answer) == (False, True)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    late = shop.ask(IntentVerb.ABORT, rollout=rollout, why="too late")
    assert (late.accepted, "it is live already" in late.answer) == (False, True)


@pytest.mark.parametrize("mistake", [OverflowError("year 10000"), KeyError("orders"), AttributeError("share")])
def test_an_intent_that_meets_a_mistake_of_ours_is_refused_and_holds_nobody_up(
    company: Found, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mistake: Exception
) -> None:
    shop, _, rollout = second_release(company)

    def broken(*_: object) -> NoReturn:
        raise mistake

    monkeypatch.setattr(intents, "ORDERS", {**intents.ORDERS, IntentVerb.FREEZE: broken})
    refused = shop.ask(IntentVerb.FREEZE, by="grace", why="holidays")
    assert not refused.accepted
    assert "cannot freeze: that met a mistake in Twinstage itself; nothing was decided" in refused.answer
    assert str(refused.id) in caplog.text
    assert type(mistake).__name__ in caplog.text
    shop.until(lambda: shop.state(rollout) is State.LIVE)


def test_a_rollout_that_meets_a_mistake_of_ours_stands_still_alone_says_so_and_can_be_aborted(
    company: Found, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop = company("orders", "catalog")
    shop.ship("orders")
    shop.ship("catalog")
    ill, well = (shop.submit(name, shop.write(name)) for name in ("orders", "catalog"))
    shop.until(lambda: shop.state(ill) is State.VERIFYING)

    met = {State.VERIFYING, State.RETREATING}

    def broken(rollout: Rollout, *told: Any) -> Decision:
        if rollout.id == ill and rollout.state in met:
            raise ZeroDivisionError("requests")
        return advance(rollout, *told)

    monkeypatch.setattr(advancing, "advance", broken)
    shop.until(lambda: shop.state(well) is State.LIVE)
    assert shop.state(ill) is State.VERIFYING
    assert "stands still: to take it further met a mistake in Twinstage itself" in shop.said(ill)
    assert caplog.text.count("cannot be taken further") == 1, "told once, not with each tick"
    answer = shop.ask(IntentVerb.ABORT, rollout=ill, by="grace", why="it stands still")
    assert answer.accepted, answer.answer
    shop.until(lambda: "a mistake in Twinstage itself keeps" in str(shop.store.rollout(ill).reason.facts))
    assert "grace: it stands still" in shop.said(ill)
    met.clear()
    shop.until(lambda: shop.state(ill) is State.ABORTED)
    assert shop.said(ill).endswith("aborted by grace: it stands still")


def test_a_rollback_brings_the_release_before_back_and_holds_it(company: Found) -> None:
    shop, good, rollout = second_release(company)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    answer = rollback(shop)
    assert shop.rollout(str(answer.rollout)).subject == shop.rollout(rollout).subject == "Change orders"
    begun = next(row for row in shop.lines("rollout") if row.rollout == answer.rollout)
    assert begun.why.endswith(": customers complain")
    assert answer.accepted, answer.answer
    assert answer.rollout is not None
    shop.until(lambda: shop.state(str(answer.rollout)) is State.LIVE)
    assert shop.history(str(answer.rollout)) == ["verified", "production 100 %", "live"]
    shop.settle()
    assert shop.live("orders") == good
    assert shop.split("orders") == shop.split("orders", Ecosystem.STAGING) == {good: 100}
    assert shop.world.meter.failed == 0
    third = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.reason(third) == "PINNED")
    assert "grace" in shop.said(third)
    resumed = shop.ask(IntentVerb.RESUME, service="orders", by="grace")
    assert resumed.accepted
    shop.until(lambda: shop.state(third) is State.LIVE)


def test_a_rollback_while_a_canary_runs_takes_that_back(company: Found) -> None:
    shop, good, rollout = second_release(company)
    shop.until(lambda: shop.state(rollout) is State.CANARY)
    assert rollback(shop).rollout == rollout
    shop.until(lambda: shop.state(rollout) is State.ABORTED)
    shop.settle()
    assert shop.split("orders") == {good: 100}
    assert shop.store.services()["orders"].pin is not None


def test_a_rollback_without_anything_before_is_refused_in_words(company: Found) -> None:
    shop = company("orders")
    none = rollback(shop)
    assert (none.accepted, "production has no release" in none.answer) == (False, True)
    shop.ship("orders")
    first = rollback(shop)
    assert (first.accepted, "no release before" in first.answer) == (False, True)
    assert shop.store.services()["orders"].pin is None
    unheld = shop.ask(IntentVerb.RESUME, service="orders")
    assert (unheld.accepted, "nothing holds it" in unheld.answer) == (False, True)


def test_a_rollback_to_a_damaged_artifact_is_refused_before_anything_stops(company: Found) -> None:
    shop, good, rollout = second_release(company)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.outside.shelf.damaged.add(f"/artifacts/{good}")
    answer = rollback(shop)
    assert (answer.accepted, "no longer what its build made" in answer.answer) == (False, True)
    assert shop.store.services()["orders"].pin is None


def test_a_rollback_that_cannot_start_leaves_production_as_it_is(company: Found) -> None:
    shop, good, rollout = second_release(company)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    live = shop.live("orders")
    shop.settle()
    shop.world.behave(of_commit(good), Behaviour(health=Health.CRASHING, detail="exited with status 1"))
    answer = rollback(shop)
    shop.until(lambda: shop.state(str(answer.rollout)) is State.FAILED)
    shop.settle()
    assert shop.live("orders") == live
    assert shop.split("orders") == {live: 100}
    assert shop.world.meter.failed == 0


def test_a_rollback_is_not_begun_twice(company: Found) -> None:
    shop, _, rollout = second_release(company)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    first = rollback(shop)
    again = rollback(shop)
    assert (first.accepted, again.accepted, "doing so already" in again.answer) == (True, False, True)


def test_two_rollbacks_go_back_twice(company: Found) -> None:
    shop = company("orders")
    commits = []
    for _ in range(3):
        shop.ship("orders")
        commits.append(shop.live("orders"))
    for expected in (commits[1], commits[0]):
        answer = rollback(shop)
        assert answer.accepted, answer.answer
        shop.until(lambda answer=answer: shop.state(str(answer.rollout)) is State.LIVE)
        assert shop.live("orders") == expected
    assert not rollback(shop).accepted


def test_a_newer_commit_supersedes_what_is_not_verified_yet(company: Found) -> None:
    shop, _, rollout = second_release(company)
    shop.until(lambda: shop.state(rollout) is State.STAGING)
    newer = shop.write("orders")
    following = shop.submit("orders", newer)
    assert shop.state(rollout) is State.RETREATING
    shop.until(lambda: shop.state(rollout) is State.SUPERSEDED)
    assert newer[:12] in shop.said(rollout)
    shop.until(lambda: shop.state(following) is State.LIVE)


def test_a_verified_one_keeps_its_place_until_a_newer_one_is_verified(company: Found) -> None:
    shop, _, first = second_release(company)
    shop.until(lambda: shop.state(first) is State.CANARY)
    second = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(second) is State.VERIFIED)
    third = shop.submit("orders", shop.write("orders"))
    assert shop.state(second) is State.VERIFIED
    shop.until(lambda: shop.state(second) is not State.VERIFIED)
    assert shop.state(first) is State.LIVE or shop.state(second) is State.RETREATING
    shop.until(lambda: shop.state(third) is State.LIVE)


def test_while_one_is_in_production_a_verified_one_waits_and_says_so(company: Found) -> None:
    shop, _, first = second_release(company)
    shop.until(lambda: shop.state(first) is State.CANARY)
    shop.world.meter.requests = 0  # Nothing is proven, so the first stays a canary.
    second = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.reason(second) == "WAITS_FOR_TURN")
    assert first in shop.said(second)
    third = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(third) is State.VERIFIED)
    shop.until(lambda: shop.state(second) is State.SUPERSEDED)
    assert shop.state(first) is State.CANARY
    shop.until(lambda: shop.state(third) is State.LIVE)


def test_a_service_that_somebody_needs_is_not_removed(company: Found) -> None:
    shop = company("orders", "payments")
    shop.ship("payments")
    shop.ship("orders", calls=["payments"])
    refused = shop.configure("orders")
    assert (refused.accepted, "orders depends on it" in refused.answer) == (False, True)
    assert shop.configure("payments").accepted
    shop.settle()
    assert {service for service, _ in shop.runs(Ecosystem.PRODUCTION)} == {"payments"}
    assert not shop.split("orders")
    before = shop.store.services()["orders"].frontends
    assert shop.configure("orders", "payments").accepted
    assert shop.store.services()["orders"].frontends == before, "it keeps its ports"


def test_a_removal_waits_for_nobody_who_needs_the_service(company: Found) -> None:
    shop = company("orders", "payments")
    shop.ship("payments")
    shop.ship("orders", calls=["payments"])

    def remove(service: str, why: str = "merged into orders") -> Intent:
        return shop.ask(IntentVerb.REMOVE, service=service, by="grace", why=why)

    needed = remove("payments")
    assert (needed.accepted, "orders depends on it in production" in needed.answer) == (False, True)
    assert "ship a release of the other that does without it" in needed.answer
    assert "say who you are and why" in remove("orders", why="").answer
    assert "no service of that name" in remove("cart").answer
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(rollout) is State.STAGING)
    busy = remove("orders")
    assert (busy.accepted, rollout in busy.answer, "abort it" in busy.answer) == (False, True, True)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    done = remove("payments")
    assert done.accepted, done.answer
    assert "the next `twinstage up` brings it back" in done.answer
    shop.settle()
    assert {service for service, _ in shop.runs(Ecosystem.PRODUCTION)} == {"orders"}
    assert {service for service, _ in shop.runs(Ecosystem.STAGING)} == {"orders"}
    assert shop.world.meter.failed == 0
    last = remove("orders")
    assert (last.accepted, "last service" in last.answer) == (False, True)
    assert shop.configure("orders", "payments").accepted
    shop.settle()
    assert {service for service, _ in shop.runs(Ecosystem.STAGING)} == {"orders", "payments"}


def test_the_runtime_is_told_whose_names_are_the_companys_and_told_again(company: Found) -> None:
    shop = company("orders")
    shop.tick()
    assert shop.world.public == ()
    assert shop.configure("orders", policy=replace(POLICY, public=("shop.example",))).accepted
    shop.tick()
    assert shop.world.public == ("shop.example",)


def test_a_removed_service_is_led_away_from_before_its_instances_go(company: Found) -> None:
    shop = company("orders", "payments")
    shop.ship("payments")
    shop.ship("orders")
    shop.settle()
    shop.post(IntentVerb.REMOVE, service="orders", by="grace", why="merged")
    instances = 2
    while instances:
        shop.tick()
        routed = bool(shop.split("orders")) or bool(shop.split("orders", Ecosystem.STAGING))
        instances = sum(n for eco in Ecosystem for (name, _), n in shop.runs(eco).items() if name == "orders")
        assert instances >= 3 or not routed
    assert "orders" in shop.world.services, "while anything is seen of it"
    shop.tick(2)
    assert "orders" not in shop.world.services
