"""A freeze holds what moves on into production, and nothing that leads out of it."""

from datetime import timedelta

import pytest

from scenarios.company import SECOND, Company, of_commit
from scenarios.conftest import Found
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import Intent, IntentVerb, State
from twinstage.runtime.behaviour import Behaviour


def freeze(shop: Company, *, why: str = "a sale", **args: str) -> Intent:
    return shop.ask(IntentVerb.FREEZE, by="grace", why=why, **args)


def canary(company: Found) -> tuple[Company, str]:
    """(shop, the rollout of a second release whose first share the proxy gives)."""
    shop = company("orders", "payments")
    shop.ship("orders")
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.rollout(rollout).exposed is not None)
    return shop, rollout


def whys(shop: Company) -> list[str]:
    return [row.why for row in shop.lines("freeze")]


def test_a_canary_stays_at_its_share_until_the_freeze_is_taken_away(company: Found) -> None:
    shop, rollout = canary(company)
    answer = freeze(shop, service="orders")
    assert answer.accepted, answer.answer
    assert "until 2026-01-06 12:0" in answer.answer, "a day, when nobody says"
    shop.tick(90)
    assert (shop.state(rollout), shop.rollout(rollout).share, shop.reason(rollout)) == (State.CANARY, 5, "FROZEN")
    assert shop.said(rollout) == "orders is frozen by grace: a sale"
    assert shop.rollout(rollout).reason.until == shop.store.freezes()["orders"].until
    assert shop.ask(IntentVerb.UNFREEZE, service="orders", why="over").accepted
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert whys(shop)[0].endswith("UTC: a sale")
    assert whys(shop)[1:] == ["no longer frozen: over"]


def test_a_verified_release_waits_for_the_end_of_the_freeze_which_comes_by_itself(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    end = shop.now + 60 * SECOND
    assert freeze(shop, until=end.isoformat()).accepted
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.reason(rollout) == "FROZEN")
    assert shop.state(rollout) is State.VERIFIED
    assert shop.said(rollout) == "every service is frozen by grace: a sale"
    shop.until(lambda: shop.state(rollout) is not State.VERIFIED)
    assert shop.now >= end
    assert not shop.store.freezes()
    ended = shop.lines("freeze")[-1]
    assert (ended.who, ended.before, ended.after) == ("twinstage", "frozen", None)
    assert ended.why == "the freeze by grace has come to its end: a sale"
    shop.until(lambda: shop.state(rollout) is State.LIVE)


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "tomorrow"])
def test_an_end_beyond_all_calendars_is_refused_and_the_controller_goes_on(company: Found, end: str) -> None:
    """Its time zone leads out of what a date can be: an intent that no tick survives would stop the company for ever."""
    shop = company("orders")
    answer = freeze(shop, until=end)
    assert not answer.accepted
    assert "is no time" in answer.answer
    shop.ship("orders")


def test_a_freeze_of_one_service_leaves_the_others_alone(company: Found) -> None:
    shop, rollout = canary(company)
    freeze(shop, service="orders")
    shop.ship("payments")
    assert shop.state(rollout) is State.CANARY


def test_what_leads_out_is_never_frozen(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    good = shop.live("orders")
    freeze(shop)
    bad = shop.write("orders")
    rollout = shop.submit("orders", bad)
    shop.until(lambda: shop.reason(rollout) == "FROZEN")
    assert shop.ask(IntentVerb.UNFREEZE).accepted
    shop.until(lambda: shop.rollout(rollout).exposed is not None)
    freeze(shop, service="orders")
    shop.world.behave(of_commit(bad, Ecosystem.PRODUCTION), Behaviour(error_rate=0.4))
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    shop.settle()
    assert shop.split("orders") == {good: 100}
    again = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.reason(again) == "FROZEN")
    assert shop.ask(IntentVerb.ABORT, rollout=again, why="not today").accepted
    shop.until(lambda: shop.state(again) is State.ABORTED)


def test_a_rollback_goes_through_a_freeze(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    good = shop.live("orders")
    shop.ship("orders")
    freeze(shop)
    answer = shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="customers complain")
    shop.until(lambda: shop.state(str(answer.rollout)) is State.LIVE)
    assert shop.live("orders") == good
    assert shop.store.freezes(), "and the freeze stands"


def test_a_release_with_all_of_the_traffic_completes(company: Found) -> None:
    shop, rollout = canary(company)
    shop.until(lambda: shop.rollout(rollout).share == 100)
    freeze(shop, service="orders")
    shop.until(lambda: shop.state(rollout) is State.LIVE)


def test_a_group_is_frozen_as_one(company: Found) -> None:
    shop = company("cart", "catalog")
    freeze(shop, service="catalog")
    cart = shop.submit("cart", shop.write("cart", calls=["catalog"]))
    catalog = shop.submit("catalog", shop.write("catalog", calls=["cart"]))
    shop.until(lambda: {shop.reason(cart), shop.reason(catalog)} == {"FROZEN"})
    shop.tick(10)
    assert {shop.state(cart), shop.state(catalog)} == {State.VERIFIED}
    shop.ask(IntentVerb.UNFREEZE, service="catalog")
    shop.until(lambda: {shop.state(cart), shop.state(catalog)} == {State.LIVE})


def test_another_freeze_of_the_same_stands_instead_and_two_kinds_stand_side_by_side(company: Found) -> None:
    shop = company("orders", "payments")
    freeze(shop, service="orders")
    sooner = shop.now + timedelta(hours=2)
    shorter = freeze(shop, service="orders", until=sooner.isoformat())
    assert "instead of until" in shorter.answer
    assert [it.until for it in shop.store.freezes().values()] == [sooner]
    assert freeze(shop).accepted
    assert set(shop.store.freezes()) == {None, "orders"}
    both = shop.ask(IntentVerb.UNFREEZE, service="orders")
    assert (both.accepted, "but every service is frozen by grace" in both.answer) == (True, True)
    single = shop.ask(IntentVerb.UNFREEZE, service="orders")
    assert (single.accepted, "`twinstage unfreeze` ends that" in single.answer) == (False, True)
    freeze(shop, service="payments")
    every = shop.ask(IntentVerb.UNFREEZE)
    assert (every.accepted, "`twinstage unfreeze payments` ends that" in every.answer) == (True, True)
    assert set(shop.store.freezes()) == {"payments"}


def test_a_freeze_is_refused_in_words(company: Found) -> None:
    shop = company("orders")
    past, far = shop.now - SECOND, shop.now + timedelta(days=91)
    cases = {
        "say who you are and why": freeze(shop, why=""),
        "that is past": freeze(shop, until=past.isoformat()),
        "90 days are the longest": freeze(shop, until=far.isoformat()),
        "is no time": freeze(shop, until="tomorrow"),
        "no service of that name": freeze(shop, service="order"),
        "cannot unfreeze every service: nothing freezes it": shop.ask(IntentVerb.UNFREEZE),
        "cannot unfreeze orders: nothing freezes it": shop.ask(IntentVerb.UNFREEZE, service="orders"),
    }
    for words, answer in cases.items():
        assert (answer.accepted, words in answer.answer) == (False, True), answer.answer
    assert not shop.store.freezes()
