"""The oracle that runtimes answer to: each lie about the lifecycle is found out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Digest, Ecosystem, InstanceId, JobId, Place, Port, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.seen import Health, InstanceSeen, Observed
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.checked import Checked, LifecycleBroken
from twinstage.runtime.fake import FakeRuntime
from twinstage.runtime.runtime import Fence
from twinstage.runtime.world import World

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
FENCE = Fence(epoch=1, generation=1)
ORDERS = ServiceName("orders")


def key(release: str = "r_1") -> WorkloadKey:
    return WorkloadKey(
        ecosystem=Ecosystem.PRODUCTION, service=ORDERS, process="web", release=ReleaseId(release), secrets=1
    )


def workload(release: str = "r_1", replicas: int = 1) -> Workload:
    return Workload(
        key=key(release), replicas=replicas, artifact=Artifact(kind="tree", digest=Digest("d"), location="/a"),
        run="x", backend=Port(12000), listens=None, health=None,
    )  # fmt: skip


def route(*split: tuple[WorkloadKey, int]) -> Route:
    return Route(ecosystem=Ecosystem.PRODUCTION, service=ORDERS, port=Port(10000), split=split)


def job() -> Job:
    return Job(
        id=JobId("j"), kind=JobKind.GATE, name="unit", place=Place.WORKSHOP, rollout=RolloutId("a"), service=ORDERS,
        commit="c", round=0, attempt=1, command="x", limit=timedelta(minutes=1), source="s",
    )  # fmt: skip


class Liar(FakeRuntime):
    """A fake whose answers can be bent."""

    def __init__(self) -> None:
        super().__init__(World(NOW))
        self.bend: Callable[[Any], Any] = lambda answer: answer

    def observe(self, ecosystem: Ecosystem) -> Observed:
        return self.bend(super().observe(ecosystem))

    def jobs(self) -> Any:
        return self.bend(super().jobs())

    def traffic(self, ecosystem: Ecosystem) -> Any:
        return self.bend(super().traffic(ecosystem))

    def crossings(self, ecosystem: Ecosystem, after: int) -> Any:
        return self.bend(super().crossings(ecosystem, after))


class Scene:
    """A workload with all of production's traffic, seen once, and an ended job."""

    def __init__(self) -> None:
        self.liar = Liar()
        self.checked = Checked(self.liar)
        self.checked.observe(Ecosystem.PRODUCTION)
        self.checked.jobs()
        self.checked.put_workload(workload(), FENCE)
        self.checked.put_job(job(), FENCE)
        self.step(3)
        self.checked.put_route(route((key(), 100)), FENCE)
        self.step()
        self.look()

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.liar.world.step(NOW)

    def look(self) -> Observed:
        self.checked.jobs()
        self.checked.traffic(Ecosystem.PRODUCTION)
        self.checked.crossings(Ecosystem.PRODUCTION, 0)
        return self.checked.observe(Ecosystem.PRODUCTION)

    def lie(self, bend: Callable[[Any], Any]) -> None:
        self.liar.bend = bend


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_truth_passes(scene: Scene) -> None:
    seen = scene.look()
    assert seen.routes[ORDERS] == route((key(), 100))


def test_a_workload_that_nobody_put(scene: Scene) -> None:
    scene.lie(lambda o: replace(o, workloads={**o.workloads, key("r_9"): replace(o.workloads[key()], key=key("r_9"))}))
    with pytest.raises(LifecycleBroken, match="never put"):
        scene.checked.observe(Ecosystem.PRODUCTION)


def test_more_instances_than_were_asked_for(scene: Scene) -> None:
    def more(seen: Observed) -> Observed:
        extra = InstanceSeen(id=InstanceId("extra"), health=Health.STARTING, since=NOW)
        held = seen.workloads[key()]
        return replace(seen, workloads={key(): replace(held, instances=(*held.instances, extra))})

    scene.lie(more)
    with pytest.raises(LifecycleBroken, match="2 instances run"):
        scene.checked.observe(Ecosystem.PRODUCTION)


def test_an_instance_that_is_seen_twice(scene: Scene) -> None:
    def twice(seen: Observed) -> Observed:
        held = seen.workloads[key()]
        stopping = replace(held.instances[0], health=Health.STOPPING)
        return replace(seen, workloads={key(): replace(held, instances=(*held.instances, stopping))})

    scene.lie(twice)
    with pytest.raises(LifecycleBroken, match="seen twice"):
        scene.checked.observe(Ecosystem.PRODUCTION)


def test_a_deleted_workload_that_is_back_without_being_put(scene: Scene) -> None:
    before = scene.look()
    scene.checked.delete_route(Ecosystem.PRODUCTION, ORDERS, FENCE)
    scene.checked.delete_workload(key(), FENCE)
    scene.step(4)
    assert key() not in scene.look().workloads
    scene.lie(lambda seen: replace(seen, workloads=before.workloads))
    with pytest.raises(LifecycleBroken, match="back without being put"):
        scene.checked.observe(Ecosystem.PRODUCTION)


def test_a_route_that_nobody_put(scene: Scene) -> None:
    scene.lie(lambda seen: replace(seen, routes={ORDERS: route((key(), 100), (key("r_2"), 0))}))
    with pytest.raises(LifecycleBroken, match="accepted and never put"):
        scene.checked.observe(Ecosystem.PRODUCTION)


def test_a_route_to_a_workload_that_was_never_put(scene: Scene) -> None:
    scene.checked.put_route(route((key("r_7"), 100)), FENCE)
    scene.step()
    with pytest.raises(LifecycleBroken, match="which was never put"):
        scene.checked.observe(Ecosystem.PRODUCTION)


def test_shares_that_are_not_all_of_it(scene: Scene) -> None:
    scene.checked.put_route(route((key(), 60)), FENCE)
    scene.step()
    with pytest.raises(LifecycleBroken, match="sum to 100"):
        scene.checked.observe(Ecosystem.PRODUCTION)


def test_a_share_for_what_is_gone(scene: Scene) -> None:
    scene.checked.delete_workload(key(), FENCE)
    scene.step(4)
    scene.lie(lambda seen: replace(seen, routes={}))
    scene.checked.observe(Ecosystem.PRODUCTION)
    scene.lie(lambda seen: seen)
    with pytest.raises(LifecycleBroken, match="which is gone"):
        scene.checked.observe(Ecosystem.PRODUCTION)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"result": JobResult.FAILED}, "result of job j has changed"),
        ({"exit_status": 3}, "result of job j has changed"),
        ({"result": None}, "runs again"),
        ({"started": NOW + timedelta(seconds=1)}, "second time"),
        ({"id": JobId("k")}, "listed as"),
    ],
)
def test_a_job_that_changes_its_past(scene: Scene, change: dict[str, Any], words: str) -> None:
    scene.lie(lambda jobs: {id: replace(seen, **change) for id, seen in jobs.items()})
    with pytest.raises(LifecycleBroken, match=words):
        scene.checked.jobs()


def test_a_job_that_nobody_put(scene: Scene) -> None:
    scene.lie(lambda jobs: {JobId("k"): replace(job(), id=JobId("k"))})
    with pytest.raises(LifecycleBroken, match="never put"):
        scene.checked.jobs()


@pytest.mark.parametrize("change", [{"requests": 0}, {"latency": ((5.0, 0),) * 1}])
def test_counters_that_fall_within_an_epoch(scene: Scene, change: dict[str, Any]) -> None:
    scene.step(2)
    scene.checked.traffic(Ecosystem.PRODUCTION)
    if "latency" in change:
        scene.lie(lambda seen: tuple(replace(s, latency=tuple((b, max(0, n - 1)) for b, n in s.latency)) for s in seen))
    else:
        scene.lie(lambda seen: tuple(replace(s, **change) for s in seen))
    with pytest.raises(LifecycleBroken, match="fell within epoch"):
        scene.checked.traffic(Ecosystem.PRODUCTION)


def test_counters_may_begin_anew_with_another_epoch(scene: Scene) -> None:
    scene.liar.world.meter.restart(Ecosystem.PRODUCTION)
    scene.step()
    assert scene.checked.traffic(Ecosystem.PRODUCTION)[0].epoch == "2"


def test_crossings_that_do_not_ascend(scene: Scene) -> None:
    for target in ("a:1", "b:1"):
        scene.liar.world.cross(key(), Ecosystem.PRODUCTION, target, "outside")
    scene.lie(lambda seen: seen[::-1])
    with pytest.raises(LifecycleBroken, match="comes after"):
        scene.checked.crossings(Ecosystem.PRODUCTION, 0)


def test_what_was_there_before_the_first_look_is_taken_as_it_is(scene: Scene) -> None:
    later = Checked(scene.liar)
    assert later.observe(Ecosystem.PRODUCTION).workloads
    assert later.jobs()
    assert later.observe(Ecosystem.PRODUCTION).workloads
