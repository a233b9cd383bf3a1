"""First releases that need each other: one lane, one turn, healthy together before any traffic."""

from scenarios.company import Company, job_of, of_commit
from scenarios.conftest import Found
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import State
from twinstage.model.seen import Health
from twinstage.runtime.behaviour import Behaviour, Ending


def circle(company: Found) -> tuple[Company, str, str]:
    shop = company("cart", "catalog")
    cart = shop.submit("cart", shop.write("cart", calls=["catalog"]))
    return shop, cart, shop.submit("catalog", shop.write("catalog", calls=["cart"]))


def test_a_circle_goes_to_production_as_a_group(company: Found) -> None:
    shop, cart, catalog = circle(company)
    shop.until(lambda: shop.rollout(cart).group is not None)
    assert shop.rollout(cart).group == shop.rollout(catalog).group
    assert shop.rollout(cart).lane == shop.rollout(catalog).lane
    shop.until(lambda: State.LIVE in {shop.state(cart), shop.state(catalog)})
    shop.until(lambda: {shop.state(cart), shop.state(catalog)} == {State.LIVE})
    shop.settle()
    assert shop.split("cart") == {shop.live("cart"): 100}
    assert shop.split("catalog") == {shop.live("catalog"): 100}


def test_nobody_gets_traffic_before_all_are_healthy(company: Found) -> None:
    shop, cart, catalog = circle(company)
    slow = of_commit(shop.rollout(catalog).commit, Ecosystem.PRODUCTION)
    shop.world.behave(slow, Behaviour(starts=12))
    shop.until(lambda: shop.state(cart) is State.PRODUCTION)
    while any(w.healthy == 0 for k, w in shop.world.workloads.items() if k.ecosystem is Ecosystem.PRODUCTION):
        assert not shop.split("cart")
        shop.tick()
    shop.until(lambda: {shop.state(cart), shop.state(catalog)} == {State.LIVE})


def test_a_mate_that_breaks_during_the_verification_voids_it(company: Found) -> None:
    shop, cart, catalog = circle(company)
    shop.world.end(job_of(shop.rollout(cart).commit, "verify"), Ending(steps=6))
    shop.until(lambda: shop.state(cart) is State.VERIFYING)
    which = of_commit(shop.rollout(catalog).commit, Ecosystem.STAGING)
    shop.world.behave(which, Behaviour(health=Health.UNHEALTHY))
    shop.until(lambda: bool(shop.store.mirror_breaks()))
    shop.world.behave(which, Behaviour())
    shop.until(lambda: {shop.state(cart), shop.state(catalog)} == {State.LIVE})
    assert shop.rollout(cart).round > 1


def test_a_member_that_fails_is_replaced_by_the_next_candidate(company: Found) -> None:
    shop, cart, catalog = circle(company)
    bad = of_commit(shop.rollout(catalog).commit)
    shop.world.behave(bad, Behaviour(health=Health.CRASHING, detail="exited with status 1"))
    shop.until(lambda: shop.state(catalog) is State.FAILED)
    assert shop.state(cart) not in {State.PRODUCTION, State.LIVE}
    better = shop.submit("catalog", shop.write("catalog", calls=["cart"]))
    shop.until(lambda: {shop.state(cart), shop.state(better)} == {State.LIVE})


def test_ten_services_come_up_in_the_order_of_their_dependencies(company: Found) -> None:
    names = [f"s{n}" for n in range(10)]
    shop = company(*names)
    rollouts = [shop.submit(n, shop.write(n, calls=names[i + 1 : i + 3])) for i, n in enumerate(names)]
    shop.until(lambda: all(shop.state(r) is State.LIVE for r in rollouts))
    order = [row.service for row in shop.lines("baseline")]
    assert order == names[::-1]
    shop.settle()
    assert not shop.store.mirror_breaks()
