"""The clock jumps, an hour on or back, while a release is in any of its states: it neither fails nor waits longer for that."""

from datetime import timedelta

import pytest

from scenarios.company import Company
from scenarios.conftest import Found
from twinstage.controller.clock import TOLERATED
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import IntentVerb, State

HOUR = timedelta(hours=1)
MET = (
    State.BUILDING,
    State.GATING,
    State.CANDIDATE,
    State.STAGING,
    State.VERIFYING,
    State.VERIFIED,
    State.CANARY,
    State.PRODUCTION,
)


def way(shop: Company, rollout: str) -> int:
    """Ticks until it is over."""
    for ticks in range(300):
        if not shop.rollout(rollout).open:
            return ticks
        shop.tick()
    raise AssertionError(shop.account())


def under_way(company: Found, state: State, *, exposed: bool = False) -> tuple[Company, str]:
    shop = company("orders")
    shop.ship("orders")
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(rollout) is state and (not exposed or shop.rollout(rollout).exposed is not None))
    return shop, rollout


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["on", "back"])
@pytest.mark.parametrize("state", MET, ids=lambda s: s.value)
def test_a_release_arrives_as_if_the_clock_had_not_jumped(company: Found, state: State, jump: timedelta) -> None:
    usual = way(*under_way(company, state))
    shop, rollout = under_way(company, state)
    shop.outside.now += jump
    assert way(shop, rollout) == usual
    assert shop.state(rollout) is State.LIVE
    assert len(shop.lines("clock")) == 1
    assert "3600 s" in shop.lines("clock")[0].why
    shop.settle()
    assert shop.world.meter.failed == 0


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["on", "back"])
def test_a_canary_is_watched_for_its_time_and_no_less(company: Found, jump: timedelta) -> None:
    usual = way(*under_way(company, State.CANARY, exposed=True))
    shop, rollout = under_way(company, State.CANARY, exposed=True)
    shop.outside.now += jump
    assert way(shop, rollout) == usual


def test_what_drains_keeps_its_time(company: Found) -> None:
    shop, rollout = under_way(company, State.PRODUCTION)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.outside.now += HOUR
    shop.settle()
    assert shop.world.meter.failed == 0
    assert not shop.world.harm


def test_a_freeze_ends_by_the_clock(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    until = (shop.now + HOUR / 2).isoformat()
    assert shop.ask(IntentVerb.FREEZE, service="orders", until=until, by="grace", why="a sale").accepted
    shop.outside.now += HOUR
    shop.until(lambda: not shop.store.freezes(), limit=5)


def test_a_clock_that_is_set_right_a_little_is_not_told(company: Found) -> None:
    shop, rollout = under_way(company, State.BUILDING)
    shop.outside.now += TOLERATED - timedelta(seconds=1)
    way(shop, rollout)
    assert not shop.lines("clock")
    assert shop.runs(Ecosystem.PRODUCTION)
