"""Secrets: a release waits for its own, a new value takes over without a lost request, and a wrong one never does."""

from dataclasses import replace

from scenarios.company import POLICY, SECOND, Company, of_commit
from scenarios.conftest import Found
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.rollout import IntentVerb, State
from twinstage.model.seen import Health
from twinstage.model.workload import Workload
from twinstage.runtime.behaviour import Behaviour
from twinstage.vault.content import Offer

PRODUCTION, STAGING = Ecosystem.PRODUCTION, Ecosystem.STAGING
ORDERS = ServiceName("orders")
KEY = "PAYMENT_KEY"


def with_secret(company: Found, **settings: object) -> Company:
    """orders is live, and has PAYMENT_KEY: ``one`` in both ecosystems."""
    shop = company("orders", "payments", **settings)
    shop.set_secret("orders", KEY, "one")
    shop.ship("orders", secrets=[KEY])
    shop.settle()
    return shop


def given(shop: Company, ecosystem: Ecosystem) -> set[str | None]:
    """What instances of orders that take requests there have."""
    route = shop.world.accepted[ecosystem, ORDERS]
    led = {key for key, _ in route.split} | {key for _, key in route.lanes}
    return {shop.world.workloads[key].given.get(KEY) for key in led}


def numbers(shop: Company, ecosystem: Ecosystem) -> list[int]:
    """Which numbers of its secrets the vault still has."""
    return [number for number in range(1, 10) if shop.vault[ecosystem].values(ORDERS, number)]


def ill(number: int, ecosystem: Ecosystem = PRODUCTION) -> tuple[object, Behaviour]:
    def fits(workload: Workload) -> bool:
        return workload.key.ecosystem is ecosystem and workload.key.secrets == number

    return fits, Behaviour(health=Health.CRASHING, detail="exited with status 1")


def test_a_release_waits_for_its_secrets_and_says_which_commands_set_them(company: Found) -> None:
    shop = company("orders")
    rollout = shop.submit("orders", shop.write("orders", secrets=[KEY, "TOKEN"]))
    shop.until(lambda: shop.reason(rollout) == "SECRET_MISSING")
    assert shop.state(rollout) is State.CANDIDATE
    for ecosystem in Ecosystem:
        for name in (KEY, "TOKEN"):
            command = f"`twinstage secret set orders {name} --ecosystem {ecosystem}`"
            assert command in shop.said(rollout), "what production will lack is told with it"
    early = next(row for row in shop.store.journal(rollout=rollout) if row.after == "candidate")
    assert "--ecosystem production`" in early.why, "from the moment that it is a candidate"
    shop.set_secret("orders", KEY, "one")
    shop.set_secret("orders", "TOKEN", "two", STAGING)
    shop.until(lambda: shop.state(rollout) is State.VERIFIED and shop.reason(rollout) == "SECRET_MISSING")
    assert shop.said(rollout) == (
        "waits for its secrets: TOKEN in production: `twinstage secret set orders TOKEN --ecosystem production`"
    )
    shop.tick(30)
    assert not shop.runs(PRODUCTION), "it does not go where it would lack something"
    shop.set_secret("orders", "TOKEN", "three", PRODUCTION)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert given(shop, PRODUCTION) == given(shop, STAGING) == {"one"}


def test_a_first_value_restarts_nothing(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    before = set(shop.world.workloads)
    answer = shop.set_secret("orders", KEY, "one")
    assert answer.answer == "PAYMENT_KEY of orders is set in staging, version 1: nothing has to be restarted"
    again = shop.set_secret("orders", KEY, "two")
    assert again.answer.endswith("version 2: nothing has to be restarted"), "nothing that runs names it"
    shop.tick(5)
    assert set(shop.world.workloads) == before


def test_a_rotation_replaces_instances_and_loses_no_request(company: Found) -> None:
    shop = with_secret(company)
    answer = shop.set_secret("orders", KEY, "two", PRODUCTION)
    assert "instances with the new value replace those with the old one" in answer.answer
    assert given(shop, PRODUCTION) == {"one"}, "until the new ones are healthy"
    shop.until(lambda: given(shop, PRODUCTION) == {"two"})
    assert given(shop, STAGING) == {"one"}, "each ecosystem has its own"
    shop.settle()
    assert shop.world.meter.failed == 0
    shop.tick()
    assert (numbers(shop, PRODUCTION), numbers(shop, STAGING)) == ([2], [1]), (
        "the old values are gone with their instances"
    )
    line = shop.lines("secret")[-1]
    assert (line.who, line.before, line.after) == ("ada", "version 1", "version 2")
    assert line.why.startswith("PAYMENT_KEY is set in production")


def test_traffic_moves_only_when_every_new_instance_is_healthy(company: Found) -> None:
    shop = with_secret(company)
    shop.set_secret("orders", KEY, "two", PRODUCTION)
    for _ in range(40):
        route = shop.world.accepted[PRODUCTION, ORDERS]
        for key, share in route.split:
            if key.secrets == 2 and share:
                assert shop.world.workloads[key].healthy == 2
        shop.tick()
    assert given(shop, PRODUCTION) == {"two"}


def test_a_wrong_value_never_takes_over_and_another_one_mends_it(company: Found) -> None:
    shop = with_secret(company)
    shop.world.behave(*ill(2))
    shop.set_secret("orders", KEY, "wrong", PRODUCTION)
    shop.tick(60)
    assert given(shop, PRODUCTION) == {"one"}
    assert not shop.store.mirror_breaks()
    shop.set_secret("orders", KEY, "right", PRODUCTION)
    shop.until(lambda: given(shop, PRODUCTION) == {"right"})
    shop.settle()
    assert shop.world.meter.failed == 0
    shop.tick()
    assert numbers(shop, PRODUCTION) == [3]


def test_a_rotation_during_a_canary_reaches_both_and_blames_neither(company: Found) -> None:
    shop = with_secret(company)
    rollout = shop.submit("orders", shop.write("orders", secrets=[KEY]))
    shop.until(lambda: shop.rollout(rollout).exposed is not None)
    shop.set_secret("orders", KEY, "two", PRODUCTION)
    shop.until(lambda: given(shop, PRODUCTION) == {"two"})
    assert shop.state(rollout) is State.CANARY
    assert sorted(share for _, share in shop.world.accepted[PRODUCTION, ORDERS].split) in ([5, 95], [25, 75])
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.settle()
    assert shop.world.meter.failed == 0


def test_a_wrong_value_during_a_canary_does_not_fail_the_release(company: Found) -> None:
    shop = with_secret(company)
    rollout = shop.submit("orders", shop.write("orders", secrets=[KEY]))
    shop.until(lambda: shop.rollout(rollout).exposed is not None)
    shop.world.behave(*ill(2))
    shop.set_secret("orders", KEY, "wrong", PRODUCTION)
    shop.until(lambda: "with its new secrets, 0 of" in shop.said(rollout))
    shop.tick(400)
    assert shop.state(rollout) is State.PRODUCTION, shop.said(rollout)
    assert "exited with status 1" in shop.said(rollout)
    assert given(shop, PRODUCTION) == {"one"}
    shop.set_secret("orders", KEY, "right", PRODUCTION)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.settle()
    assert given(shop, PRODUCTION) == {"right"}
    assert shop.world.meter.failed == 0


def test_a_retreat_during_a_rotation_leads_to_what_serves(company: Found) -> None:
    shop = with_secret(company)
    good = shop.live("orders")
    bad = shop.write("orders", secrets=[KEY])
    rollout = shop.submit("orders", bad)
    shop.until(lambda: shop.rollout(rollout).exposed is not None)
    shop.world.behave(*ill(2))
    shop.set_secret("orders", KEY, "wrong", PRODUCTION)
    shop.tick(3)
    shop.ask(IntentVerb.ABORT, rollout=rollout, by="grace", why="no")
    shop.until(lambda: shop.state(rollout) is State.ABORTED)
    assert shop.split("orders") == {good: 100}
    assert given(shop, PRODUCTION) == {"one"}
    assert shop.world.meter.failed == 0


def test_a_rotation_in_staging_voids_no_verification(company: Found) -> None:
    shop = with_secret(company)
    rollout = shop.submit("orders", shop.write("orders", secrets=[KEY]))
    other = shop.submit("payments", shop.write("payments", calls=["orders"]))
    shop.until(lambda: State.VERIFYING in {shop.state(rollout), shop.state(other)})
    shop.set_secret("orders", KEY, "two", STAGING)
    shop.until(lambda: shop.state(rollout) is State.LIVE and shop.state(other) is State.LIVE)
    assert (shop.rollout(rollout).round, shop.rollout(other).round) == (1, 1)
    assert not [row for row in shop.lines("mirror") if row.after == "broken" and row.seq > shop.lines("secret")[-1].seq]


def test_values_set_in_quick_succession_end_with_the_last(company: Found) -> None:
    shop = with_secret(company)
    for value in ("two", "three", "four"):
        shop.offer("orders", KEY, value, PRODUCTION)
    shop.until(lambda: given(shop, PRODUCTION) == {"four"})
    shop.settle()
    assert shop.world.meter.failed == 0
    shop.tick()
    assert numbers(shop, PRODUCTION) == [4]


def test_no_value_of_production_is_in_staging_nor_in_the_store(company: Found) -> None:
    shop = with_secret(company)
    shop.set_secret("orders", KEY, "s3cret-of-production", PRODUCTION)
    shop.set_secret("orders", KEY, "s3cret-of-staging", STAGING)
    shop.settle()
    for key, held in shop.world.workloads.items():
        assert held.given == ({KEY: f"s3cret-of-{key.ecosystem}"} if key.service == "orders" else {})
    for path in shop.path.parent.iterdir():
        if path.is_file():
            assert b"s3cret" not in path.read_bytes(), path
    for box in shop.outside.boxes.values():
        assert b"s3cret" not in (box.sealed or b"")


def test_what_is_in_use_is_not_removed(company: Found) -> None:
    shop = with_secret(company)
    args = {"service": "orders", "name": KEY, "ecosystem": "production"}
    refused = shop.ask(IntentVerb.REMOVE_SECRET, why="old", **args)
    assert (refused.accepted, "which production runs, names it" in refused.answer) == (False, True)
    unknown = shop.ask(IntentVerb.REMOVE_SECRET, why="old", **{**args, "name": "OTHER"})
    assert (unknown.accepted, "it is not set" in unknown.answer) == (False, True)
    shop.ship("orders")
    shop.settle()
    assert shop.ask(IntentVerb.REMOVE_SECRET, why="old", **args).accepted
    shop.tick()
    assert numbers(shop, PRODUCTION) == []
    assert numbers(shop, STAGING) == [1]
    back = shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="customers complain")
    command = "`twinstage secret set orders PAYMENT_KEY --ecosystem production`"
    assert (back.accepted, command in back.answer) == (False, True)
    shop.set_secret("orders", KEY, "three", PRODUCTION)
    back = shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="customers complain")
    assert back.accepted, back.answer
    shop.until(lambda: shop.state(str(back.rollout)) is State.LIVE)
    assert given(shop, PRODUCTION) == {"three"}, "a rollback runs with the present value"


def test_an_emergency_that_skips_staging_leaves_a_mirror_that_says_what_it_lacks(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    shop.set_secret("orders", KEY, "one", PRODUCTION)
    rollout = shop.submit("orders", shop.write("orders", secrets=[KEY]))
    shop.ask(IntentVerb.SKIP, rollout=rollout, phases="staging", by="grace", why="orders are lost")
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.until(lambda: bool(shop.store.mirror_breaks()))
    (broken,) = shop.store.mirror_breaks()
    assert "`twinstage secret set orders PAYMENT_KEY --ecosystem staging`" in broken.detail
    shop.set_secret("orders", KEY, "two", STAGING)
    shop.settle()
    assert given(shop, STAGING) == {"two"}


def test_a_value_that_was_lost_on_the_way_is_refused_in_words(company: Found) -> None:
    shop = company("orders")
    args = {"service": "orders", "name": KEY, "ecosystem": "production"}
    answer = shop.ask(IntentVerb.SET_SECRET, **args)
    assert (answer.accepted, "set it again" in answer.answer) == (False, True)
    assert not shop.store.services()[ORDERS].secrets


def test_an_offer_goes_when_it_is_answered_and_one_without_an_intent_when_it_is_old(company: Found) -> None:
    shop = company("orders")
    shop.set_secret("orders", KEY, "one", PRODUCTION)
    shop.tick()
    assert not shop.vault[PRODUCTION].waiting()
    lost = Offer(service=ORDERS, name=KEY, value="never asked", at=shop.now)
    shop.vault[PRODUCTION].offer("i-unknown", lost)
    shop.tick(2)
    assert set(shop.vault[PRODUCTION].waiting()) == {"i-unknown"}, "whoever made it may be about to ask"
    shop.outside.now += 20 * 60 * SECOND
    shop.tick(2)
    assert not shop.vault[PRODUCTION].waiting()


def test_a_removed_services_secrets_go_with_its_last_release(company: Found) -> None:
    shop = with_secret(company, policy=replace(POLICY))
    shop.ask(IntentVerb.REMOVE, service="orders", by="grace", why="merged")
    shop.until(lambda: not any(key.service == "orders" for key in shop.world.workloads))
    assert numbers(shop, PRODUCTION) == [1], "it may come back"
    shop.outside.now += 8 * 24 * 3600 * SECOND
    shop.until(lambda: not shop.store.services()[ORDERS].secrets)
    shop.tick(2)
    assert numbers(shop, PRODUCTION) == numbers(shop, STAGING) == []
    assert "are let go of" in shop.lines("secret")[-1].why


def test_of_commit_is_not_confused_by_two_numbers(company: Found) -> None:
    shop = with_secret(company)
    commit = shop.live("orders")
    assert commit is not None
    shop.set_secret("orders", KEY, "two", PRODUCTION)
    shop.settle()
    found = [key for key, held in shop.world.workloads.items() if of_commit(commit, PRODUCTION)(held.workload)]
    assert [key.secrets for key in found] == [2]
