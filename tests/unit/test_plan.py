"""Each rule of the planner, and the order they keep."""

from dataclasses import replace

from handmade import (
    HEALTHY,
    LANE,
    NOW,
    POLICY,
    PRODUCTION,
    STAGING,
    STARTING,
    UNHEALTHY,
    at,
    key,
    look,
    release,
    route,
    s,
    service,
)
from handmade import rollout as rollout_
from handmade import workload as seen

from twinstage.desired.desired import desired
from twinstage.model.names import LaneId
from twinstage.model.rollout import State
from twinstage.plan.actions import DeleteRoute, DeleteWorkload, PutRoute, PutWorkload
from twinstage.plan.plan import plan

RELEASES = {id_: release(id_) for id_ in ("r1", "r2", "r3")}
R1, R2 = key(PRODUCTION, "r1"), key(PRODUCTION, "r2")
BASE, NEW = seen(R1, HEALTHY, HEALTHY), seen(R2, HEALTHY, HEALTHY)
LIVE = route(PRODUCTION, {"r1": 100})


def want(*rollouts, svc=None, eco=PRODUCTION):
    return desired(eco, svc or service("r1"), rollouts, RELEASES, POLICY)


def canary(share=5):
    return want(rollout_(State.CANARY, share=share))


def production(share):
    return want(rollout_(State.PRODUCTION, share=share))


def go(wanted, *things, draining=None, now=NOW, drains=None):

    return plan(wanted, look(wanted.ecosystem, *things, when=now), draining or {}, now, drains)


def puts(found):
    return {a.workload.key.release: a.workload.replicas for a in found.actions if isinstance(a, PutWorkload)}


def split(found):
    (put,) = [a for a in found.actions if isinstance(a, PutRoute)]
    return {k.release: share for k, share in put.route.split}


def codes(found):
    return [w.code for w in found.waits]


def test_a_world_that_matches_needs_nothing() -> None:
    found = go(want(), BASE, LIVE)
    assert (found.actions, found.waits, found.draining) == ((), (), {})
    shuffled = replace(LIVE, split=((R1, 95), (R2, 5)))
    assert go(canary(), BASE, seen(R2, HEALTHY), shuffled).actions == (), "the order of shares means nothing"


def test_grow_puts_what_is_missing_or_too_small() -> None:
    assert puts(go(want(), LIVE)) == {"r1": 2}
    assert puts(go(production(50), BASE, seen(R2, HEALTHY), LIVE)) == {"r2": 2}
    found = go(canary(), BASE, LIVE)
    assert puts(found) == {"r2": 1}
    assert [w.sentence for w in found.waits] == ["orders waits in production for instances of r2: 0 of 1 healthy"]


def test_a_share_rises_only_onto_replicas_that_are_all_healthy() -> None:
    accepted = route(PRODUCTION, {"r1": 75, "r2": 25})
    half = seen(R2, HEALTHY, STARTING)
    assert go(production(50), BASE, half, accepted).actions == ()
    assert go(production(50), BASE, seen(R2, HEALTHY), accepted).actions[0].workload.replicas == 2
    assert split(go(production(50), BASE, NEW, accepted)) == {"r1": 50, "r2": 50}
    assert split(go(production(100), BASE, NEW, accepted)) == {"r2": 100}


def test_a_share_falls_at_once_onto_whatever_is_healthy() -> None:
    accepted = route(PRODUCTION, {"r1": 75, "r2": 25})
    assert split(go(want(), BASE, NEW, accepted)) == {"r1": 100}
    assert split(go(want(), seen(R1, HEALTHY, UNHEALTHY), NEW, accepted)) == {"r1": 100}
    whole = route(PRODUCTION, {"r2": 100})
    assert split(go(want(), seen(R1, HEALTHY, STARTING), NEW, whole)) == {"r1": 100}


def test_a_bad_answer_beats_none() -> None:
    accepted = route(PRODUCTION, {"r1": 75, "r2": 25})
    found = go(want(), seen(R1, UNHEALTHY, STARTING), NEW, accepted)
    assert (found.actions, found.draining) == ((), {}), "the only healthy workload keeps what it has"


def test_a_first_release_falls_to_nothing() -> None:
    found = go(want(svc=service()), NEW, route(PRODUCTION, {"r2": 100}))
    assert split(found) == {}


def test_one_goes_while_the_next_is_not_ready() -> None:
    found = go(
        canary(), BASE, seen(R2, STARTING), seen(key(PRODUCTION, "r3"), HEALTHY), route(PRODUCTION, {"r1": 95, "r3": 5})
    )
    assert split(found) == {"r1": 100}


def test_nothing_known_of_the_proxy_is_never_replaced_by_nothing() -> None:
    found = go(want(), seen(R1, UNHEALTHY, UNHEALTHY), NEW)
    assert (found.actions, found.draining) == ((), {})
    assert split(go(want(), BASE)) == {"r1": 100}
    assert split(go(canary(), BASE, seen(R2, STARTING))) == {"r1": 100}
    assert split(go(want(svc=service()))) == {}, "a frontend that leads nowhere says so"


def test_a_lane_begins_with_a_healthy_instance_stays_while_ill_and_ends_at_once() -> None:
    laned = want(rollout_(State.STAGING), eco=STAGING)
    base, mirror = seen(key(STAGING, "r1"), HEALTHY), route(STAGING, {"r1": 100})
    both = route(STAGING, {"r1": 100}, {LANE: "r2"})
    assert puts(go(laned, base, mirror)) == {"r2": 1}
    assert not any(isinstance(a, PutRoute) for a in go(laned, base, seen(key(STAGING, "r2"), STARTING), mirror).actions)
    (put,) = go(laned, base, seen(key(STAGING, "r2"), HEALTHY), mirror).actions
    assert put.route == both
    assert go(laned, base, seen(key(STAGING, "r2"), UNHEALTHY), both).actions == ()
    (put,) = go(want(eco=STAGING), base, seen(key(STAGING, "r2"), HEALTHY), both).actions
    assert put.route == mirror


def test_a_new_port_is_another_route() -> None:
    (put,) = go(want(), BASE, replace(LIVE, port=10009)).actions
    assert put.route == LIVE


def test_drain_waits_for_the_last_request_after_the_route_has_changed() -> None:
    accepted = route(PRODUCTION, {"r1": 95, "r2": 5})
    idle, busy = seen(R2, HEALTHY), seen(R2, HEALTHY, busy=3)
    assert go(want(), BASE, idle, accepted).draining == {}, "the proxy still leads there"
    first = go(want(), BASE, idle, LIVE, draining={})
    assert (first.actions, first.draining, codes(first)) == ((), {R2: NOW}, ["DRAINING"])
    soon = go(want(), BASE, idle, LIVE, draining=first.draining, now=at(1))
    assert soon.actions == (), "a request may have been on its way"
    later = go(want(), BASE, idle, LIVE, draining=first.draining, now=at(2))
    assert later.actions == (DeleteWorkload(key=R2),)
    assert go(want(), BASE, busy, LIVE, draining=first.draining, now=at(29)).actions == ()
    assert go(want(), BASE, busy, LIVE, draining=first.draining, now=at(30)).actions == (DeleteWorkload(key=R2),)
    short = go(want(), BASE, busy, LIVE, draining=first.draining, now=at(10), drains={R2: s(10)})
    assert short.actions == (DeleteWorkload(key=R2),)


def test_where_requests_cannot_be_counted_draining_takes_its_whole_time() -> None:
    blind = replace(seen(R2, HEALTHY), in_flight=None)
    assert go(want(), BASE, blind, LIVE, draining={R2: NOW}, now=at(29)).actions == ()
    assert go(want(), BASE, blind, LIVE, draining={R2: NOW}, now=at(30)).actions


def test_draining_begins_anew_when_it_is_wanted_again() -> None:
    found = go(canary(), BASE, seen(R2, HEALTHY), LIVE, draining={R2: NOW}, now=at(60))
    assert found.draining == {}
    assert split(found) == {"r1": 95, "r2": 5}


def test_going_live_takes_the_old_one_away_and_restarts_nothing() -> None:
    live = want(svc=service("r1", "r2"))
    found = go(live, BASE, NEW, route(PRODUCTION, {"r2": 100}))
    assert (found.actions, found.draining) == ((), {R1: NOW})


def test_shrink_waits_until_traffic_has_moved_and_all_are_healthy() -> None:
    large = seen(R2, HEALTHY, HEALTHY, HEALTHY)
    moved = route(PRODUCTION, {"r1": 95, "r2": 5})
    assert puts(go(canary(), BASE, large, moved)) == {"r2": 1}
    assert puts(go(canary(), BASE, seen(R2, HEALTHY, HEALTHY, UNHEALTHY), moved)) == {}
    assert puts(go(canary(), BASE, large, route(PRODUCTION, {"r1": 50, "r2": 50}))) == {}
    assert puts(go(canary(), seen(R1, HEALTHY, UNHEALTHY), large, LIVE)) == {}, "its share is about to rise"


def test_a_removed_service_loses_its_route_then_its_workloads() -> None:
    gone = want(svc=replace(service("r1"), removed=True))
    first = go(gone, BASE, LIVE)
    assert (first.actions, first.draining) == ((DeleteRoute(ecosystem=PRODUCTION, service="orders"),), {})
    second = go(gone, BASE)
    assert (second.actions, second.draining) == ((), {R1: NOW})
    assert go(gone, BASE, draining=second.draining, now=at(2)).actions == (DeleteWorkload(key=R1),)
    assert go(gone).actions == ()


def test_other_services_are_left_alone() -> None:
    stranger = seen(key(PRODUCTION, "x1", "catalog"), HEALTHY)
    found = go(want(), BASE, LIVE, stranger, draining={stranger.key: NOW}, now=at(90))
    assert (found.actions, found.draining) == ((), {})


def test_actions_come_in_the_rules_order() -> None:
    lanes = want(rollout_(State.STAGING, "o3", "r3", lane=LaneId("0badcafe")), eco=STAGING)
    old = seen(key(STAGING, "r2"), HEALTHY)
    accepted = route(STAGING, {"r1": 100}, {LANE: "r1"})
    found = go(lanes, seen(key(STAGING, "r1"), HEALTHY), old, accepted, draining={old.key: NOW}, now=at(9))
    assert [type(a) for a in found.actions] == [PutWorkload, PutRoute, DeleteWorkload]
