"""The mirror around a candidate, and how true the mirror is."""

from dataclasses import replace
from datetime import timedelta

import pytest
from handmade import (
    HEALTHY,
    LANE,
    NOW,
    PRODUCTION,
    STAGING,
    UNHEALTHY,
    definition,
    key,
    look,
    release,
    rollout,
    route,
    service,
    workload,
)

from twinstage.desired.parity import parity
from twinstage.desired.wholeness import breaks, closure
from twinstage.model.database import Behind
from twinstage.model.rollout import State

RELEASES = {
    "r1": release("r1", "orders"),
    "r2": release("r2", "orders", needs=("payments",)),
    "p1": release("p1", "payments", needs=("ledger", "orders")),
    "l1": release("l1", "ledger"),
    "c1": release("c1", "catalog"),
}
SERVICES = {
    "orders": service("r1", name="orders"),
    "payments": service("p1", name="payments"),
    "ledger": service("l1", name="ledger"),
    "catalog": service("c1", name="catalog"),
}
RUNNING = {"orders": "r1", "payments": "p1", "ledger": "l1", "catalog": "c1"}


def mirror(*less: str, **parts):
    things = []
    for name, rel in RUNNING.items():
        health = UNHEALTHY if name in less else HEALTHY
        things += [workload(key(STAGING, rel, name), health, detail="ill"), route(STAGING, {rel: 100}, svc=name)]
    return look(STAGING, *things, **parts)


def broken(seen, services=SERVICES, group=(), behind=None):
    return {b.service: b.detail for b in breaks(RELEASES["r2"], services, RELEASES, seen, behind or {}, group)}


def test_the_closure_is_what_it_calls_and_what_they_call() -> None:
    names = {"a": "bc", "b": "d", "c": "d", "d": "a", "e": "a"}
    definitions = {n: definition(n, needs=tuple(needs)) for n, needs in names.items()}
    assert closure("a", definitions) == ("b", "c", "d")
    assert closure("e", definitions) == ("a", "b", "c", "d")
    assert closure("x", definitions) == ()
    assert closure("a", {"a": definitions["a"]}) == ("b", "c")


def test_a_whole_mirror_has_no_breaks() -> None:
    assert broken(mirror()) == {}


@pytest.mark.parametrize("name", ["payments", "ledger"])
def test_a_break_in_the_closure_counts(name) -> None:
    assert broken(mirror(name)) == {name: "0 of 1 instances healthy; ill"}


@pytest.mark.parametrize("name", ["catalog", "orders"])
def test_a_break_beside_it_does_not(name) -> None:
    assert broken(mirror(name)) == {}


def test_the_frontend_has_to_lead_to_productions_release() -> None:
    seen = mirror()
    stale = {**seen.routes, "payments": route(STAGING, {"p0": 100}, svc="payments")}
    assert "frontend" in broken(replace(seen, routes=stale))["payments"]
    assert "frontend" in broken(replace(seen, routes={**seen.routes, "ledger": None}))["ledger"]


def test_a_dependency_that_is_not_live_or_not_there_is_a_break() -> None:
    assert (
        "does not run in production" in broken(mirror(), {**SERVICES, "payments": service(name="payments")})["payments"]
    )
    there = {name: svc for name, svc in SERVICES.items() if name != "ledger"}
    assert broken(mirror(), there) == {"ledger": "there is no such service"}


def test_trouble_of_stagings_own_proxy_is_told_of_the_candidate() -> None:
    assert broken(mirror(proxy=UNHEALTHY)) == {"orders": "in staging, its proxy is unhealthy"}


def test_the_lanes_of_its_group_stand_in_for_baselines() -> None:
    services = {**SERVICES, "payments": service(name="payments")}
    mate = rollout(State.STAGING, "o2", "p1", "payments")
    lane = route(STAGING, {}, {LANE: "p1"}, svc="payments")
    seen = mirror()
    assert broken(replace(seen, routes={**seen.routes, "payments": lane}), services, (mate,)) == {}
    assert "lane" in broken(seen, services, (mate,))["payments"]
    ill = mirror("payments")
    assert broken(replace(ill, routes={**ill.routes, "payments": lane}), services, (mate,))["payments"]


def test_parity_counts_what_production_runs() -> None:
    services = {**SERVICES, "new": service(name="new"), "old": replace(service("c1", name="old"), removed=True)}
    found = parity(services, RELEASES, mirror("ledger"), {}, {"ledger": NOW, "catalog": NOW})
    assert (found.mirrored, found.of) == (3, 4)
    assert [(a.service, a.since) for a in found.amiss] == [("ledger", NOW)]
    assert parity(services, RELEASES, look(PRODUCTION), {}).mirrored == 0


def test_a_service_whose_data_is_behind_is_not_whole_whatever_its_instances_say() -> None:
    behind = {"ledger": Behind(why="its databases are not there"), "catalog": Behind(why="beside it")}
    assert broken(mirror(), behind=behind) == {"ledger": "its databases are not there"}
    assert {a.service for a in parity(SERVICES, RELEASES, mirror(), behind).amiss} == {"ledger", "catalog"}


def test_a_mirror_of_a_release_that_is_live_just_now_is_on_its_way_and_no_alarm() -> None:
    ill = mirror("ledger", "orders")
    changed = {"ledger": ill.at - timedelta(seconds=1), "orders": ill.at - timedelta(seconds=60), "catalog": ill.at}
    found = parity(SERVICES, RELEASES, ill, {}, {}, changed)
    assert (found.mirrored, found.of, found.coming) == (2, 4, ("ledger",))
    assert [a.service for a in found.amiss] == ["orders"], "a minute is long enough to be whole"
