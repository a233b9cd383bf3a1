"""What should run follows from the rows, and from nothing else."""

from dataclasses import replace

from handmade import LANE, POLICY, PRODUCTION, STAGING, key, release, rollout, s, service

from twinstage.desired.desired import desired
from twinstage.model.names import LaneId, Phase
from twinstage.model.rollout import Kind, State

VALUES = {"MODE": {PRODUCTION: "live", STAGING: "sandbox"}}
RELEASES = {id_: release(id_, instances=4, config=VALUES, needs=("payments",)) for id_ in ("r1", "r2", "r3")}


def want(eco, svc, *rollouts):
    return desired(eco, svc, rollouts, RELEASES, POLICY)


def shares(svc, *rollouts):
    return {k.release: share for k, share in want(PRODUCTION, svc, *rollouts).route.split}


def counts(eco, svc, *rollouts):
    return {w.key.release: w.replicas for w in want(eco, svc, *rollouts).workloads}


def test_shares_follow_the_rollout() -> None:
    r1 = service("r1")
    assert shares(service(), rollout(State.PRODUCTION, share=100)) == {"r2": 100}
    assert shares(service(), rollout(State.PRODUCTION, share=0)) == {}, "a group's member before its group"
    assert shares(r1, rollout(State.VERIFYING)) == {"r1": 100}
    assert shares(r1, rollout(State.CANARY, share=5)) == {"r2": 5, "r1": 95}
    assert shares(r1, rollout(State.PRODUCTION, share=50)) == {"r2": 50, "r1": 50}
    assert shares(r1, rollout(State.PRODUCTION, share=100)) == {"r2": 100}
    assert shares(service("r1", "r2")) == {"r2": 100}
    assert shares(r1, rollout(State.RETREATING)) == {"r1": 100}
    assert shares(r1, rollout(State.LIVE, share=100)) == {"r1": 100}, "a final rollout says nothing"
    assert shares(r1, rollout(State.CANARY, share=5, svc="payments")) == {"r1": 100}


def test_the_baseline_keeps_all_its_instances_until_the_rollout_is_live() -> None:
    assert counts(PRODUCTION, service("r1"), rollout(State.CANARY, share=5)) == {"r1": 4, "r2": 1}
    assert counts(PRODUCTION, service("r1"), rollout(State.PRODUCTION, share=50)) == {"r1": 4, "r2": 4}
    assert counts(PRODUCTION, service("r1"), rollout(State.PRODUCTION, share=100)) == {"r1": 4, "r2": 4}
    assert counts(PRODUCTION, service("r1", "r2")) == {"r2": 4}


def test_a_canary_has_the_load_of_one_of_productions_instances_at_its_largest_share() -> None:
    big = {id_: release(id_, instances=12) for id_ in ("r1", "r2")}
    small = desired(PRODUCTION, service("r1"), [rollout(State.CANARY, share=5)], big, POLICY)
    large = desired(PRODUCTION, service("r1"), [rollout(State.CANARY, share=25)], big, POLICY)
    assert [w.replicas for w in small.workloads] == [w.replicas for w in large.workloads] == [12, 4]


def test_stagings_baseline_is_productions() -> None:
    for svc in (service("r1"), service("r1", "r2")):
        production = want(PRODUCTION, svc).workloads
        staging = want(STAGING, svc).workloads
        assert [w.key.release for w in staging] == [w.key.release for w in production]
        assert [w.artifact for w in staging] == [w.artifact for w in production]
    assert counts(STAGING, service("r1"), rollout(State.PRODUCTION, share=100)) == {"r1": 1, "r2": 1}


def test_a_candidate_stands_beside_the_mirror_in_its_lane() -> None:
    for state in (State.STAGING, State.VERIFYING, State.VERIFIED, State.CANARY, State.PRODUCTION):
        route = want(STAGING, service("r1"), rollout(state, share=5)).route
        assert (route.split, route.lanes) == (((key(STAGING, "r1"), 100),), ((LANE, key(STAGING, "r2")),))
        assert route.port == 14001
    for state in (State.CANDIDATE, State.GATING, State.RETREATING):
        assert want(STAGING, service("r1"), rollout(state)).route.lanes == ()


def test_no_lane_for_a_rollback_nor_where_staging_was_skipped() -> None:
    back = rollout(State.PRODUCTION, kind=Kind.ROLLBACK, share=100)
    assert want(STAGING, service("r2", "r1"), back).route.lanes == ()
    assert want(STAGING, service("r1"), rollout(State.VERIFIED, skips=frozenset({Phase.STAGING}))).route.lanes == ()
    assert shares(service("r2", "r1"), back) == {"r2": 100}


def test_a_lane_becomes_the_mirror_when_it_goes_live() -> None:
    before = {w.key for w in want(STAGING, service("r1"), rollout(State.PRODUCTION, share=100)).workloads}
    after = {w.key for w in want(STAGING, service("r1", "r2")).workloads}
    assert after < before, "same key: nothing restarts"


def test_a_release_that_is_live_adds_nothing_in_production_but_its_lane_in_staging() -> None:
    twice = rollout(State.CANARY, rel="r1", share=5)
    assert shares(service("r1"), twice) == {"r1": 100}
    assert counts(PRODUCTION, service("r1"), twice) == {"r1": 4}
    staging = want(STAGING, service("r1"), twice)
    assert [w.key for w in staging.workloads] == [key(STAGING, "r1")]
    assert staging.route.lanes == ((LANE, key(STAGING, "r1")),)


def test_each_ecosystem_has_its_own_values_and_ports() -> None:
    (production,) = want(PRODUCTION, service("r1")).workloads
    (staging,) = want(STAGING, service("r1")).workloads
    assert (production.env, production.backend, production.calls) == ({"MODE": "live"}, 12001, ("payments",))
    assert (staging.env, staging.backend, staging.drain) == ({"MODE": "sandbox"}, 16001, s(20))


def test_what_nobody_runs_yet_has_a_route_to_nowhere() -> None:
    first = want(PRODUCTION, service(), rollout(State.STAGING))
    assert (first.workloads, first.route.split) == ((), ())
    lane = want(STAGING, service(), rollout(State.STAGING))
    assert (lane.route.split, lane.route.lanes) == ((), ((LANE, key(STAGING, "r2")),))


def test_a_removed_service_wants_nothing() -> None:
    gone = want(PRODUCTION, replace(service("r1"), removed=True), rollout(State.CANARY, share=5))
    assert (gone.workloads, gone.route) == ((), None)


def test_rollouts_in_any_order_give_the_same() -> None:
    a = rollout(State.STAGING, "o1", "r2")
    b = rollout(State.VERIFIED, "o2", "r3", lane=LaneId("0badcafe"))
    assert want(STAGING, service("r1"), a, b) == want(STAGING, service("r1"), b, a)
