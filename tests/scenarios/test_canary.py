"""What a canary finds out, and how a bad one leaves: its traffic first."""

import pytest

from scenarios.company import Company, of_commit
from scenarios.conftest import Found
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import State
from twinstage.model.seen import Health
from twinstage.runtime.behaviour import Behaviour


def behind_a_good_one(company: Found, behaviour: Behaviour) -> tuple[Company, str, str, str]:
    """(shop, the good commit, the commit that behaves so in production alone, its rollout)."""
    shop = company("orders")
    shop.ship("orders")
    good = shop.live("orders")
    assert good is not None
    commit = shop.write("orders")
    shop.world.behave(of_commit(commit, Ecosystem.PRODUCTION), behaviour)
    return shop, good, commit, shop.submit("orders", commit)


def test_errors_are_found_on_canary_traffic_and_it_retreats(company: Found) -> None:
    shop, good, commit, rollout = behind_a_good_one(company, Behaviour(error_rate=0.3))
    shop.until(lambda: shop.state(rollout) is State.RETREATING)
    assert shop.reason(rollout) == "CANARY_WORSE"
    shop.until(lambda: commit not in shop.split("orders"))
    assert ("orders", commit) in shop.runs(Ecosystem.PRODUCTION), "traffic leaves before instances do"
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.split("orders") == {good: 100}
    assert ("orders", commit) not in shop.runs(Ecosystem.PRODUCTION)
    assert ("orders", commit) not in shop.runs(Ecosystem.STAGING)
    assert shop.live("orders") == good
    assert 0 < shop.world.meter.failed < 60, "few users saw it"
    assert "canary 25 %" not in shop.history(rollout)


def test_slowness_is_found_too(company: Found) -> None:
    shop, good, _, rollout = behind_a_good_one(company, Behaviour(latency=900.0))
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.live("orders") == good


@pytest.mark.parametrize("health", [Health.CRASHING, Health.UNHEALTHY])
def test_one_that_is_never_healthy_gets_no_traffic(company: Found, health: Health) -> None:
    ill = Behaviour(health=health, detail="exited with status 1")
    shop, good, commit, rollout = behind_a_good_one(company, ill)
    while shop.state(rollout) is not State.FAILED:
        shop.tick()
        assert commit not in shop.split("orders")
    assert "exited with status 1" in shop.said(rollout)
    assert shop.split("orders") == {good: 100}
    assert shop.world.meter.failed == 0


def test_one_that_crashes_later_retreats(company: Found) -> None:
    shop, good, commit, rollout = behind_a_good_one(company, Behaviour())
    shop.until(lambda: shop.split("orders").get(commit, 0) == 25)
    shop.world.behave(of_commit(commit), Behaviour(health=Health.CRASHING, detail="killed: out of memory"))
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "CRASHING"
    assert shop.split("orders") == {good: 100}


def test_a_restart_goes_on_with_the_same_watch(company: Found) -> None:
    shop, _, _, rollout = behind_a_good_one(company, Behaviour())
    shop.until(lambda: shop.rollout(rollout).exposed is not None)
    watch = shop.store.watch(shop.rollout(rollout).id)
    exposed = shop.rollout(rollout).exposed
    shop.restart()
    shop.tick()
    assert shop.rollout(rollout).exposed == exposed
    assert shop.store.watch(shop.rollout(rollout).id) == watch
    shop.until(lambda: shop.state(rollout) is State.LIVE)


def test_a_proxy_that_restarts_does_not_confuse_the_judge(company: Found) -> None:
    shop, _, _, rollout = behind_a_good_one(company, Behaviour())
    shop.until(lambda: shop.rollout(rollout).exposed is not None)
    shop.world.meter.restart(Ecosystem.PRODUCTION)
    shop.until(lambda: shop.state(rollout) is State.LIVE)


def test_an_unproven_canary_is_promoted_and_says_so(company: Found) -> None:
    shop = company("orders", requests=0)
    shop.ship("orders")
    rollout = shop.ship("orders")
    whys = [row.why for row in shop.store.journal(rollout=shop.rollout(rollout).id)]
    assert any("unproven" in why for why in whys)
