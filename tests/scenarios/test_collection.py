"""What nobody needs goes, by itself and when asked for; never what runs, or could be gone back to."""

from datetime import timedelta

from scenarios.company import Company, of_commit
from scenarios.conftest import Found
from twinstage.model.holding import Holding, HoldingKind
from twinstage.model.names import Ecosystem, Place
from twinstage.model.rollout import IntentVerb, State
from twinstage.retention.bounds import Bounds
from twinstage.runtime.behaviour import FAILS

DAY = timedelta(days=1)


def trees(shop: Company) -> set[str]:
    """Commits whose built trees are there."""
    return {name for kind, _, name in shop.world.storeroom.held if kind is HoldingKind.ARTIFACT}


def prune(shop: Company) -> str:
    intent = shop.ask(IntentVerb.PRUNE, by="grace", why="the disk is full")
    assert intent.accepted, intent.answer
    shop.until(lambda: shop.store.collection() is None)
    return intent.answer


def shipped(shop: Company, times: int) -> list[str]:
    commits = []
    for _ in range(times):
        shop.ship("orders")
        commits.append(str(shop.live("orders")))
    shop.settle()
    return commits


def test_the_last_five_releases_of_a_service_stay_and_older_ones_go(company: Found) -> None:
    shop = company("orders", "payments")
    commits = shipped(shop, 7)
    shop.ship("payments")
    shop.settle()
    assert len(trees(shop)) == 8
    shop.outside.now += 2 * DAY
    answer = prune(shop)
    assert "2 artifacts" in answer
    assert trees(shop) == {*commits[2:], str(shop.live("payments"))}
    assert len(shop.store.services()["orders"].baselines) == 5
    told = [row.why for row in shop.lines("prune")]
    assert any("cannot be rolled back to" in why for why in told)
    for expected in reversed(commits[2:6]):
        answer = shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="x")
        shop.until(lambda answer=answer: shop.state(str(answer.rollout)) is State.LIVE)
        assert shop.live("orders") == expected
    last = shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="x")
    assert (last.accepted, "no release before" in last.answer) == (False, True)


def test_a_release_that_failed_stays_a_day_and_then_goes_with_its_jobs(company: Found) -> None:
    shop = company("orders")
    (good,) = shipped(shop, 1)
    bad = shop.write("orders")
    shop.world.end(lambda job: job.commit == bad and job.name == "verify", FAILS)
    rollout = shop.submit("orders", bad)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    shop.settle()
    assert "nothing to collect" not in prune(shop) or trees(shop) == {good, bad}
    assert trees(shop) == {good, bad}
    shop.outside.now += 2 * DAY
    prune(shop)
    assert trees(shop) == {good}
    assert any(name.startswith(rollout) for _, _, name in shop.world.storeroom.held)
    shop.outside.now += 20 * DAY
    prune(shop)
    assert not any(name.startswith(rollout) for _, _, name in shop.world.storeroom.held)
    assert shop.world.storeroom.held, "the evidence of what is live stays"
    again = shop.submit("orders", bad)
    shop.until(lambda: shop.state(again) is State.FAILED)


def test_it_is_done_once_an_hour_without_being_asked(company: Found) -> None:
    shop = company("orders")
    shipped(shop, 6)
    shop.outside.now += 2 * DAY
    bounds = Bounds()
    shop.tick()
    shop.outside.now += bounds.every
    shop.tick(2)
    assert len(trees(shop)) == 5
    (line,) = [row for row in shop.lines("prune") if row.service is None]
    assert line.who == "twinstage"
    shop.outside.now += bounds.every
    shop.tick(2)
    assert len([row for row in shop.lines("prune") if row.service is None]) == 1, "nothing more to collect"


def test_what_cannot_be_seen_may_run_anything(company: Found) -> None:
    shop = company("orders")
    shipped(shop, 6)
    shop.outside.now += 2 * DAY
    shop.schedule = lambda call, _: "before" if call == "observe" else None
    refused = shop.ask(IntentVerb.PRUNE, by="grace", why="x")
    assert (refused.accepted, "may run anything" in refused.answer) == (False, True)
    shop.outside.now += 2 * Bounds().every
    shop.tick(3)
    assert len(trees(shop)) == 6


def test_a_platform_that_does_not_let_go_is_asked_again_and_not_for_ever(company: Found) -> None:
    shop = company("orders")
    shipped(shop, 6)
    shop.outside.now += 2 * DAY
    shop.schedule = lambda call, _: "before" if call == "discard" else None
    assert shop.ask(IntentVerb.PRUNE, by="grace", why="x").accepted
    shop.tick(3)
    assert shop.store.collection() is not None
    assert len(trees(shop)) == 6
    assert "already" in shop.ask(IntentVerb.PRUNE, by="grace", why="x").answer
    shop.outside.now += Bounds().patience
    shop.tick(2)
    assert shop.store.collection() is None
    shop.schedule = lambda call, _: None
    prune(shop)
    assert len(trees(shop)) == 5


def test_a_commit_that_comes_while_its_tree_is_collected_is_built_again_or_kept(company: Found) -> None:
    shop = company("orders")
    shipped(shop, 1)
    bad = shop.write("orders")
    shop.world.end(lambda job: job.commit == bad and job.name == "unit" and job.attempt == 1, FAILS)
    rollout = shop.submit("orders", bad)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    shop.outside.now += 2 * DAY
    shop.schedule = lambda call, _: "before" if call == "discard" else None
    shop.ask(IntentVerb.PRUNE, by="grace", why="x")
    again = shop.submit("orders", bad)
    shop.tick()
    shop.schedule = lambda call, _: None
    shop.world.end(lambda job: job.commit == bad, FAILS.__class__())
    shop.until(lambda: shop.state(again) is State.LIVE)
    shop.settle()
    assert bad in trees(shop)
    assert shop.runs(Ecosystem.PRODUCTION) == {("orders", bad): 2}


def test_a_removed_service_can_come_back_for_a_week_and_then_starts_anew(company: Found) -> None:
    shop = company("orders", "payments")
    shipped(shop, 2)
    shop.ship("payments")
    shop.settle()
    ports = shop.store.services()["orders"].frontends
    assert shop.ask(IntentVerb.REMOVE, service="orders", by="grace", why="merged").accepted
    shop.settle()
    shop.outside.now += 2 * DAY
    prune(shop)
    assert len(trees(shop)) == 3
    shop.outside.now += 6 * DAY
    prune(shop)
    assert trees(shop) == {str(shop.live("payments"))}
    assert shop.configure("orders", "payments").accepted
    back = shop.store.services()["orders"]
    assert (back.baselines, back.frontends) == ((), ports)
    shop.ship("orders")


def test_read_crossings_go_and_unread_ones_stay(company: Found) -> None:
    shop = company("orders")
    shipped(shop, 1)
    (key,) = [k for k in shop.world.workloads if k.ecosystem is Ecosystem.PRODUCTION]
    for _ in range(200):
        shop.world.cross(key, Ecosystem.PRODUCTION, "dns x", "outside")
    shop.tick()
    for name, size in (("crossings.jsonl", 150), ("crossings.150.jsonl", 100), ("crossings.250.jsonl", 10)):
        shop.world.storeroom.add(
            Holding(kind=HoldingKind.CROSSINGS, name=name, place=Place.PRODUCTION, bytes=size, at=shop.now)
        )
    prune(shop)
    left = {name for kind, _, name in shop.world.storeroom.held if kind is HoldingKind.CROSSINGS}
    assert left == {"crossings.150.jsonl", "crossings.250.jsonl"}


def test_the_oldest_logs_and_caches_go_when_they_are_too_many(company: Found) -> None:
    shop = company("orders")
    shipped(shop, 1)
    shop.outside.now += DAY
    for kind, size in ((HoldingKind.LOG, 200 << 20), (HoldingKind.CACHE, 2 << 30)):
        for number in range(4):
            at = shop.now - timedelta(hours=number)
            needed = "it runs" if number == 3 else ""
            shop.world.storeroom.add(
                Holding(kind=kind, name=f"x{number}", place=Place.WORKSHOP, bytes=size, at=at, needed=needed)
            )
    prune(shop)
    left = {(kind, name) for kind, _, name in shop.world.storeroom.held if name.startswith("x")}
    assert left == {(k, f"x{n}") for k in (HoldingKind.LOG, HoldingKind.CACHE) for n in (0, 1, 3)}


def test_nothing_is_collected_that_a_canary_runs(company: Found) -> None:
    shop = company("orders")
    (good,) = shipped(shop, 1)
    canary = shop.write("orders")
    rollout = shop.submit("orders", canary)
    shop.until(lambda: shop.state(rollout) is State.CANARY)
    shop.world.behave(of_commit(canary), shop.world.behaviour(next(iter(shop.world.workloads.values())).workload))
    shop.outside.now += timedelta(hours=1)
    prune(shop)
    assert {good, canary} <= trees(shop)
