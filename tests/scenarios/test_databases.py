"""Databases: migrated before what needs them, cloned for lanes, dropped with them; and what a schema change means."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scenarios.company import Company, job_of
from scenarios.conftest import Found
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, Phase
from twinstage.model.rollout import IntentVerb, State
from twinstage.runtime.behaviour import FAILS, LOST, Ending

STORES = {"orders": "python -m orders.migrate"}
PRODUCTION, STAGING = Ecosystem.PRODUCTION, Ecosystem.STAGING


def changes(company: Company, commit: str, what: str) -> None:
    """The migration of this commit changes the schema."""
    company.world.end(job_of(commit, "orders"), Ending(changes=what))


def ships(company: Company, change: str = "", **what: object) -> str:
    """A commit with a database from writing to live, and all of what follows; returns its rollout."""
    commit = company.write("orders", databases=STORES, **what)
    changes(company, commit, change)
    rollout = company.submit("orders", commit)
    company.until(lambda: company.state(rollout) is State.LIVE)
    company.settle()
    return rollout


def data_jobs(company: Company, commit: str | None = None) -> list[tuple[str, str, str, str]]:
    """(kind, place, data, result) of every job on databases, in the order in which they were decided."""
    found = [j for j in company.store.jobs() if j.kind in (JobKind.PREPARE, JobKind.MIGRATE, JobKind.DROP)]
    return [
        (j.kind.value, j.place.value, "main" if j.data == "main" else "lane", j.result.value if j.result else "")
        for j in found
        if commit is None or j.commit == commit
    ]


def schema(company: Company, ecosystem: Ecosystem, data: str = "main") -> tuple[str, ...] | None:
    """What was done to the schema of orders; None where there is no such database."""
    return company.world.databank.there.get((ecosystem, "orders", data), {}).get("orders")  # type: ignore[call-overload]


def of(company: Company, kind: JobKind, ecosystem: Ecosystem, main: bool = True) -> list[Job]:
    return [
        j
        for j in company.store.jobs()
        if j.kind is kind and j.place.value == ecosystem.value and (j.data == "main") is main
    ]


def test_a_first_release_gets_its_databases_in_both_ecosystems_and_a_lane_of_its_own(company: Found) -> None:
    shop = company("orders")
    rollout = ships(shop, "orders")
    assert data_jobs(shop) == [
        ("prepare", "staging", "lane", "succeeded"),
        ("migrate", "staging", "lane", "succeeded"),
        ("prepare", "production", "main", "succeeded"),
        ("migrate", "production", "main", "succeeded"),
        ("prepare", "staging", "main", "succeeded"),
        ("migrate", "staging", "main", "succeeded"),
        ("drop", "staging", "lane", "succeeded"),
    ]
    assert schema(shop, PRODUCTION) == schema(shop, STAGING) == ("orders",)
    assert schema(shop, STAGING, shop.rollout(rollout).lane) is None
    assert {key.data for key in shop.world.workloads} == {"main"}


def test_no_instance_starts_before_its_data_is_ready(company: Found) -> None:
    """The world itself takes it as harm; here the waiting can be read, too."""
    shop = company("orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(lambda job: job.kind is JobKind.MIGRATE, Ending(steps=6))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.reason(rollout) == "MIGRATING")
    assert shop.said(rollout) == "its migration of orders in staging goes on"
    assert shop.runs(STAGING) == {}
    shop.until(lambda: shop.state(rollout) is State.PRODUCTION and shop.reason(rollout) == "MIGRATING")
    assert shop.said(rollout) == "its migration of orders in production goes on"
    assert shop.runs(PRODUCTION) == {}
    shop.settle()
    assert shop.state(rollout) is State.LIVE


def test_a_lane_is_migrated_without_anybody_else_noticing(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    changes(shop, commit, "add a column")
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.VERIFYING)
    lane = shop.rollout(rollout).lane
    assert schema(shop, STAGING, lane) == ("orders", "add a column")
    assert schema(shop, STAGING) == schema(shop, PRODUCTION) == ("orders",)
    shop.until(lambda: shop.rollout(rollout).exposed is not None)
    assert schema(shop, PRODUCTION) == ("orders", "add a column")
    assert schema(shop, STAGING) == ("orders",), "staging's own follow production's baseline only"
    shop.settle()
    assert schema(shop, STAGING) == ("orders", "add a column")


def test_several_databases_are_migrated_in_the_order_of_their_names(company: Found) -> None:
    shop = company("orders")
    stores = {"orders": "a", "archive": None, "audit": "c"}
    shop.ship("orders", databases=stores)
    shop.settle()
    migrated = [j.name for j in of(shop, JobKind.MIGRATE, PRODUCTION)]
    assert migrated == ["audit", "orders"]
    assert set(shop.world.databank.there[PRODUCTION, "orders", "main"]) == set(stores)  # type: ignore[index]


@pytest.mark.parametrize("result", [JobResult.FAILED, JobResult.TIMED_OUT])
def test_a_migration_that_fails_in_its_lane_never_comes_near_production(company: Found, result: JobResult) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(job_of(commit, "orders"), replace(FAILS, result=result, log_end="orders: column exists"))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    said = shop.said(rollout)
    assert said.startswith("its migration of orders failed in staging: ")
    assert "orders: column exists" in said
    assert f"twinstage logs {rollout}.migrate.staging-orders.0.1" in said
    shop.settle()
    assert data_jobs(shop, commit) == [
        ("prepare", "staging", "lane", "succeeded"),
        ("migrate", "staging", "lane", result.value),
        ("drop", "staging", "lane", "succeeded"),
    ]
    assert set(shop.world.databank.there) == {(PRODUCTION, "orders", "main"), (STAGING, "orders", "main")}


def test_a_migration_that_fails_in_production_takes_the_release_back_and_hurts_nobody(company: Found) -> None:
    shop = company("orders")
    good = ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(lambda j: j.commit == commit and j.name == "orders" and j.place.value == "production", FAILS)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert "failed in production: exit status 1: 1 failed" in shop.said(rollout)
    shop.settle()
    assert shop.live("orders") == shop.rollout(good).commit
    assert shop.world.meter.failed == 0
    assert len(of(shop, JobKind.MIGRATE, PRODUCTION)) == 2


def test_what_the_platform_loses_is_done_again_and_nobody_is_blamed(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(lambda j: j.kind is JobKind.PREPARE and j.attempt == 1, LOST)
    shop.world.end(lambda j: j.kind is JobKind.MIGRATE and j.attempt < 3, LOST)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.reason(rollout) == "PLATFORM_TROUBLE")
    assert "preparing its databases: gave no result" in shop.said(rollout)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.settle()
    assert [j.attempt for j in of(shop, JobKind.PREPARE, PRODUCTION)] == [1, 2]
    assert [j.attempt for j in of(shop, JobKind.MIGRATE, PRODUCTION)] == [1, 2, 3]


def test_preparing_that_fails_is_the_platforms_trouble(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(lambda j: j.kind is JobKind.PREPARE and j.attempt < 3, replace(FAILS, log_end="no room"))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.reason(rollout) == "PLATFORM_TROUBLE")
    assert "exit status 1: no room" in shop.said(rollout)
    shop.until(lambda: shop.state(rollout) is State.LIVE)


def test_a_migration_in_production_is_never_stopped_once_it_has_begun(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    slow = Ending(steps=20, changes="slowly")
    shop.world.end(lambda j: j.commit == commit and j.name == "orders" and j.place.value == "production", slow)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: f"{rollout}.migrate.production-orders.1.1" in shop.world.databank.running)
    shop.ask(IntentVerb.ABORT, rollout=rollout, why="changed our minds")
    assert shop.state(rollout) is State.RETREATING
    assert "its jobs" in str(shop.rollout(rollout).reason.facts["left"])
    shop.until(lambda: shop.state(rollout) is State.ABORTED)
    (job,) = [j for j in of(shop, JobKind.MIGRATE, PRODUCTION) if j.commit == commit]
    assert job.result is JobResult.SUCCEEDED
    assert schema(shop, PRODUCTION) == ("orders", "slowly")
    shop.settle()


def test_one_in_a_lane_is_stopped_with_its_lane(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(job_of(commit, "orders"), Ending(steps=1000))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: bool(shop.world.databank.running) and shop.reason(rollout) == "MIGRATING")
    shop.ask(IntentVerb.ABORT, rollout=rollout, why="changed our minds")
    shop.settle()
    assert data_jobs(shop) == [
        ("prepare", "staging", "lane", "succeeded"),
        ("migrate", "staging", "lane", "stopped"),
        ("drop", "staging", "lane", "succeeded"),
    ]


def test_the_next_one_waits_for_a_migration_that_goes_on_although_its_rollout_retreats(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    first, second = shop.write("orders", databases=STORES), shop.write("orders", databases=STORES)
    shop.world.end(lambda j: j.commit == first and j.place.value == "production", Ending(steps=40))
    rollout = shop.submit("orders", first)
    shop.until(lambda: f"{rollout}.migrate.production-orders.1.1" in shop.world.databank.running)
    shop.ask(IntentVerb.ABORT, rollout=rollout, why="a better one comes")
    better = shop.submit("orders", second)
    shop.until(lambda: shop.state(better) is State.LIVE)
    shop.settle()


def test_a_freeze_holds_back_what_has_not_begun(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.VERIFIED)
    shop.post(IntentVerb.FREEZE, by="grace", why="a sale", until=(shop.now + timedelta(minutes=5)).isoformat())
    shop.tick(20)
    assert shop.reason(rollout) == "FROZEN"
    assert len(of(shop, JobKind.PREPARE, PRODUCTION)) == 1
    shop.ask(IntentVerb.UNFREEZE, by="grace", why="over")
    shop.settle()
    assert shop.state(rollout) is State.LIVE


@pytest.mark.parametrize("mended", [True, False], ids=["by itself", "by another release"])
def test_the_mirror_is_not_whole_while_stagings_own_data_is_behind(company: Found, mended: bool) -> None:
    shop = company("orders", "cart")
    ships(shop, "orders")
    shop.ship("cart", calls=["orders"])
    shop.settle()
    commit = shop.write("orders", databases=STORES)
    own = [True]
    shop.world.end(
        lambda j: j.commit == commit and j.kind is JobKind.MIGRATE and j.rollout is None and own[0],
        replace(FAILS, log_end="duplicate key"),
    )
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.until(lambda: any("duplicate key" in b.detail for b in shop.store.mirror_breaks()))
    (amiss,) = shop.store.mirror_breaks()
    assert amiss.detail.startswith(
        "its databases in staging are not at production's release yet: the migration of orders"
    )
    assert shop.split("orders", STAGING) == {shop.rollout(shop.store.rollouts()[2].id).commit: 100}, (
        "the one before serves"
    )

    waiting = shop.submit("cart", shop.write("cart", calls=["orders"]))
    shop.until(lambda: shop.reason(waiting) == "MIRROR_NOT_WHOLE")
    assert "duplicate key" in shop.said(waiting)
    shop.tick(130)
    tried = [j for j in of(shop, JobKind.MIGRATE, STAGING) if j.commit == commit]
    assert 2 <= len(tried) <= 4, "with the longest pause"
    own[0] = not mended
    if not mended:
        another = shop.submit("orders", shop.write("orders", databases=STORES))
        shop.until(lambda: shop.state(another) is State.LIVE)
    shop.settle()
    assert shop.state(waiting) is State.LIVE


def test_a_lane_waits_while_what_it_clones_is_still_being_migrated(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(lambda j: j.commit == commit and j.kind is JobKind.MIGRATE and j.rollout is None, Ending(steps=60))
    first = shop.submit("orders", commit)
    shop.until(lambda: shop.state(first) is State.LIVE)
    second = shop.submit("orders", shop.write("orders", databases=STORES))
    shop.until(lambda: shop.reason(second) == "WAITS_FOR_DATA")
    shop.settle()
    assert shop.state(second) is State.LIVE


def test_a_rollback_past_a_schema_change_is_refused_and_says_what_to_do(company: Found) -> None:
    shop = company("orders")
    before = ships(shop, "orders")
    after = ships(shop, "drop a column")
    refused = shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="customers complain")
    assert not refused.accepted
    assert f"{shop.rollout(after).release} changed the schema of orders at 2026-01-05" in refused.answer
    assert "--force --why" in refused.answer
    assert shop.rollout(shop.store.rollouts()[0].id).id == after

    forced = shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="we know what we do", force="yes")
    assert forced.accepted
    assert "past a schema change" in forced.answer
    shop.settle()
    assert shop.live("orders") == shop.rollout(before).commit
    assert schema(shop, PRODUCTION) == ("orders", "drop a column"), "what a migration did stays"
    (line,) = [r for r in shop.lines("rollout") if r.who == "grace" and "rolls orders back" in r.why]
    assert "past a schema change" in line.why


def test_a_rollback_that_meets_the_schema_it_knows_needs_no_force(company: Found) -> None:
    shop = company("orders")
    before = ships(shop, "orders")
    ships(shop)
    assert shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="slow").accepted
    shop.settle()
    assert shop.live("orders") == shop.rollout(before).commit
    assert len(of(shop, JobKind.MIGRATE, PRODUCTION)) == 2, "going back migrates nothing"


def test_taking_back_a_canary_goes_past_nothing(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    changes(shop, commit, "drop a column")
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.CANARY and shop.rollout(rollout).exposed is not None)
    assert shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="slow").accepted
    shop.until(lambda: shop.state(rollout) is State.ABORTED)


def test_a_lost_migration_that_changed_something_counts(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    changes(shop, commit, "a column")
    lost = replace(LOST, changes="a column")
    shop.world.end(lambda j: j.commit == commit and j.kind is JobKind.MIGRATE and j.attempt == 1, lost)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.settle()
    measured = shop.store.migrations(shop.rollout(rollout).service)
    assert not [m for m in measured if m.changed and m.rollout == rollout], "nobody saw it change"
    assert not shop.ask(IntentVerb.ROLLBACK, service="orders", by="grace", why="slow").accepted


def test_what_skips_staging_has_no_clones(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(job_of(commit, "unit"), Ending(steps=10))
    rollout = shop.submit("orders", commit)
    shop.ask(IntentVerb.SKIP, rollout=rollout, phases="staging", by="grace", why="an emergency")
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert Phase.STAGING in shop.rollout(rollout).skips
    shop.settle()
    assert not [j for j in data_jobs(shop, commit) if j[2] == "lane"]


def test_a_skip_out_of_a_lane_stops_what_is_done_to_its_clones(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(lambda j: j.commit == commit and j.kind is JobKind.MIGRATE and j.data != "main", Ending(steps=1000))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: bool(shop.world.databank.running) and shop.reason(rollout) == "MIGRATING")
    shop.ask(IntentVerb.SKIP, rollout=rollout, phases="staging", by="grace", why="an emergency")
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.settle()
    assert ("migrate", "staging", "lane", "stopped") in data_jobs(shop, commit)


def test_a_long_migration_takes_nothing_from_the_canarys_time(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    commit = shop.write("orders", databases=STORES)
    shop.world.end(lambda j: j.commit == commit and j.place.value == "production", Ending(steps=80))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.PRODUCTION)
    assert not [row for row in shop.lines("rollout") if "unproven" in row.why]


def test_a_platform_that_often_does_not_answer_changes_nothing(company: Found) -> None:
    def unreliable(call: str, number: int) -> str | None:
        return {0: "before", 3: "after"}.get(number % 7) if call.startswith(("put", "delete")) else None

    shop = company("orders", schedule=unreliable, lag=1)
    ships(shop, "orders")
    ships(shop, "more")
    assert schema(shop, PRODUCTION) == schema(shop, STAGING) == ("orders", "more")


def test_who_skips_a_service_without_databases_pays_nothing(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    shop.settle()
    assert data_jobs(shop) == []
    assert "database" not in shop.world.parts[PRODUCTION]


def test_a_service_that_drops_its_last_database_has_lanes_like_any_other(company: Found) -> None:
    shop = company("orders")
    ships(shop, "orders")
    rollout = shop.ship("orders")
    shop.settle()
    assert data_jobs(shop, shop.rollout(rollout).commit) == []
    assert schema(shop, PRODUCTION) == ("orders",), "data is never dropped by a release"
