"""What no plan may ever do, in worlds that nobody would think of; and that every plan gets there."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from plan_world import (
    HEALTHY,
    NAME,
    NOW,
    POLICY,
    PRODUCTION,
    RELEASES,
    STAGING,
    World,
    key,
    rollout,
    service,
    workload,
)

from twinstage.desired.desired import desired
from twinstage.model.names import Ecosystem, LaneId, Port
from twinstage.model.rollout import Kind, Rollout, ServiceState, State
from twinstage.model.seen import Health
from twinstage.model.workload import Desired, Route, WorkloadKey
from twinstage.plan.actions import DeleteWorkload, Plan, PutRoute, PutWorkload
from twinstage.plan.plan import plan
from twinstage.plan.view import used

FEW = settings(max_examples=120)
NAMES = ["r1", "r2", "r3"]


@st.composite
def decisions(draw: st.DrawFn) -> tuple[ServiceState, tuple[Rollout, ...]]:
    """A service and its open rollouts, as they may stand in the store: at most one of them in production."""
    svc = service(*draw(st.sampled_from([(), ("r1",), ("r1", "r2"), ("r3", "r1")])))
    svc = replace(svc, secrets_version=dict.fromkeys(Ecosystem, draw(st.sampled_from([1, 1, 2]))))
    first = draw(
        st.sampled_from(
            [
                None,
                rollout(State.STAGING),
                rollout(State.RETREATING),
                rollout(State.CANARY, 5),
                rollout(State.CANARY, 25),
                rollout(State.PRODUCTION, 0),
                rollout(State.PRODUCTION, 50),
                rollout(State.PRODUCTION, 100),
                rollout(State.PRODUCTION, 100, "r3", kind=Kind.ROLLBACK),
            ]
        )
    )
    second = draw(st.sampled_from([None, rollout(State.VERIFYING, 0, "r3", 2), rollout(State.RETREATING, 0, "r3", 2)]))
    if svc.baseline is None and first and 0 < first.share < 100:
        first = replace(first, state=State.PRODUCTION, share=100)  # Without a baseline there is nothing to share with.
    return svc, tuple(r for r in (first, second) if r)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any mixture of workloads in any health, and any route that sums to 100 or leads nowhere."""
    eco = draw(st.sampled_from([PRODUCTION, STAGING]))
    world = World(ecosystem=eco, lag=draw(st.integers(0, 2)), start=draw(st.integers(1, 4)))
    for name, secrets in [*((name, 1) for name in NAMES), ("r1", 2), ("r2", 2)]:
        health = draw(st.lists(st.sampled_from(Health), max_size=4))
        if health or draw(st.booleans()):
            busy = draw(st.sampled_from([0, 0, 3, None]))
            replicas = draw(st.sampled_from([None, None, 1, 3]))
            which = key(eco, name, secrets)
            world.workloads[which] = workload(which, tuple(health), replicas, busy)
    world.accepted = draw(st.none() | routes(eco))
    return world


def routes(eco: Ecosystem) -> st.SearchStrategy[Route]:
    shares = st.sampled_from([(), (100,), (95, 5), (75, 25), (50, 50), (60, 35, 5)])
    lanes = st.dictionaries(st.sampled_from([1, 2, 7]), st.sampled_from(NAMES), max_size=2)

    def make(order: list[str], parts: tuple[int, ...], laned: dict[int, str], secrets: int) -> Route:
        return Route(
            ecosystem=eco,
            service=NAME,
            port=Port(10001 if eco is PRODUCTION else 14001),
            split=tuple((key(eco, name, secrets), share) for name, share in zip(order, parts, strict=False)),
            lanes=tuple((LaneId(f"{n:08x}"), key(eco, name, secrets)) for n, name in laned.items()),
        )

    return st.builds(make, st.permutations(NAMES), shares, lanes, st.sampled_from([1, 1, 2]))


def wanted(world: World, rows: tuple[ServiceState, tuple[Rollout, ...]]) -> Desired:
    return desired(world.ecosystem, rows[0], rows[1], RELEASES, POLICY)


def shares(route: Route | None) -> dict[WorkloadKey, int]:
    return {k: share for k, share in route.split if share} if route else {}


@FEW
@given(worlds(), decisions(), st.data())
def test_one_plan_hurts_nobody(
    world: World, rows: tuple[ServiceState, tuple[Rollout, ...]], data: st.DataObject
) -> None:
    want, seen = wanted(world, rows), world.look()
    began = data.draw(st.sampled_from([{}, {k: NOW - timedelta(seconds=n) for n, k in enumerate(world.workloads)}]))
    found = plan(want, seen, began, NOW)
    assert found == plan(want, seen, dict(reversed(began.items())), NOW), "the same facts give the same plan"
    replicas = {w.key: w.replicas for w in want.workloads}
    for action in found.actions:
        if isinstance(action, DeleteWorkload):
            assert action.key not in used(world.accepted)
            assert action.key not in replicas
            quiet = world.workloads[action.key].in_flight == 0
            assert action.key in began
            assert quiet or NOW - began[action.key] >= timedelta(seconds=30)
        if isinstance(action, PutRoute):
            _check_route(action.route, world, want, replicas)
        if isinstance(action, PutWorkload):
            _check_put(action, world)


def _check_put(action: PutWorkload, world: World) -> None:
    """Healthy capacity behind a frontend never falls because of an action that need not be taken now."""
    old = world.workloads.get(action.workload.key)
    if old and action.workload.replicas < old.replicas and action.workload.key in used(world.accepted):
        assert old.healthy >= old.replicas


def _asked(key: WorkloadKey, replicas: dict[WorkloadKey, int]) -> int:
    """How many it must have: what is wanted of it, or of the one with newer secrets that it stands in for."""
    return next(n for wanted, n in replicas.items() if replace(wanted, secrets=key.secrets) == key)


def _check_route(route: Route, world: World, want: Desired, replicas: dict[WorkloadKey, int]) -> None:
    before, after = shares(world.accepted), shares(route)
    assert sum(after.values()) in {0, 100}
    healthy = {k: w.healthy for k, w in world.workloads.items()}
    unwanted = any(k not in replicas for k in before)
    for k, share in after.items():
        if share > before.get(k, 0):
            assert healthy.get(k, 0) > 0
            assert unwanted or healthy[k] >= _asked(k, replicas), "it rises only with every replica healthy"
    if not after and before:
        assert not shares(want.route), "nothing that answers is replaced by nothing"
    kept = set(world.accepted.lanes) if world.accepted else set()
    assert all(lane in kept or healthy.get(lane[1], 0) > 0 for lane in route.lanes)
    answered = sum(share for k, share in before.items() if healthy.get(k))
    if shares(want.route):
        assert sum(share for k, share in after.items() if healthy.get(k)) >= answered


@FEW
@given(worlds(), decisions())
def test_every_plan_gets_there_and_then_rests(world: World, rows: tuple[ServiceState, tuple[Rollout, ...]]) -> None:
    want = wanted(world, rows)
    _run(world, want, {}, 50)
    found = plan(want, world.look(), {}, world.now)
    assert (found.actions, found.waits) == ((), ())
    assert {k: w.replicas for k, w in world.workloads.items()} == {w.key: w.replicas for w in want.workloads}
    assert want.route is not None
    assert world.accepted is not None
    assert shares(world.accepted) == shares(want.route)
    assert set(world.accepted.lanes) == set(want.route.lanes)


def _run(world: World, want: Desired, draining: dict, ticks: int) -> Plan:
    found = Plan(actions=(), waits=(), draining=draining)
    for _ in range(ticks):
        found = plan(want, world.look(), found.draining, world.now)
        for action in found.actions:
            world.do(action)
        world.tick()
    return found


JOURNEY = [
    (("r1",), ()),
    (("r1",), (rollout(State.STAGING),)),
    (("r1",), (rollout(State.CANARY, 5),)),
    (("r1",), (rollout(State.CANARY, 25),)),
    (("r1",), (rollout(State.PRODUCTION, 50),)),
    (("r1",), (rollout(State.PRODUCTION, 100),)),
    (("r1", "r2"), ()),
]
RETREATED = (("r1",), (rollout(State.RETREATING),))


@FEW
@given(st.lists(st.integers(0, 12), min_size=7, max_size=7), st.integers(0, 6), st.integers(0, 2), st.integers(1, 4))
def test_no_request_finds_nobody_on_the_way_to_production_and_back(
    pauses: list[int], back: int, lag: int, start: int
) -> None:
    """Decisions come faster or slower than the world follows, and the way back begins anywhere before the end."""
    world = World(ecosystem=PRODUCTION, lag=lag, start=start)
    world.workloads[key(PRODUCTION, "r1")] = workload(key(PRODUCTION, "r1"), (HEALTHY,) * 3)
    world.accepted = desired(PRODUCTION, service("r1"), (), RELEASES, POLICY).route
    draining: dict[WorkloadKey, object] = {}
    last = len(JOURNEY) - 1
    way = JOURNEY if back == last else [*JOURNEY[: back + 1], RETREATED, (("r1",), ())]
    for (baselines, rollouts), pause in zip(way, [*pauses, *pauses], strict=False):
        want = desired(PRODUCTION, service(*baselines), rollouts, RELEASES, POLICY)
        for _ in range(pause + (30 if baselines == ("r1", "r2") else 0)):
            found = plan(want, world.look(), draining, world.now)
            draining = dict(found.draining)
            for action in found.actions:
                world.do(action)
            world.tick()
            assert world.unanswered() == 0
    want = desired(PRODUCTION, service(*way[-1][0]), way[-1][1], RELEASES, POLICY)
    _run(world, want, draining, 20)
    assert plan(want, world.look(), {}, world.now).actions == ()
    assert world.unanswered() == 0


@FEW
@given(
    st.lists(st.integers(0, 12), min_size=8, max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.integers(0, 2),
    st.integers(1, 4),
    st.booleans(),
)
def test_no_request_finds_nobody_while_secrets_are_rotated(
    pauses: list[int], rotations: list[bool], lag: int, start: int, sick: bool
) -> None:
    """New values come at any moment of a release's way; where ``sick``, instances with a new one never become healthy."""
    world = World(ecosystem=PRODUCTION, lag=lag, start=start)
    world.workloads[key(PRODUCTION, "r1")] = workload(key(PRODUCTION, "r1"), (HEALTHY,) * 3)
    world.accepted = desired(PRODUCTION, service("r1"), (), RELEASES, POLICY).route
    draining: dict[WorkloadKey, object] = {}
    secrets = 1
    for (baselines, rollouts), pause, rotates in zip([*JOURNEY, JOURNEY[-1]], pauses, rotations, strict=True):
        secrets += rotates
        svc = replace(service(*baselines), secrets_version=dict.fromkeys(Ecosystem, secrets))
        if baselines == ("r1", "r2") and not shares(world.accepted).keys() & {
            key(PRODUCTION, "r2", n) for n in range(9)
        }:
            break  # the pipeline never completes what does not serve
        want = desired(PRODUCTION, svc, rollouts, RELEASES, POLICY)
        for _ in range(pause):
            found = plan(want, world.look(), draining, world.now)
            draining = dict(found.draining)
            before, replicas = shares(world.accepted), {w.key: w.replicas for w in want.workloads}
            for action in found.actions:
                if isinstance(action, PutRoute):
                    begins = set(shares(action.route)) - set(before)
                    assert all(world.workloads[k].healthy >= replicas.get(k, 1) for k in begins), "all of them, or none"
                world.do(action)
            world.tick()
            if sick:
                world.spoil(lambda k: k.secrets > 1)
            assert world.unanswered() == 0
