"""Fences and the boundary: an older controller is refused, and whoever crosses is named."""

from collections.abc import Callable

import pytest

from contract.bench import Bench, healthy, key, route
from twinstage.model.names import Ecosystem, JobId, ServiceName
from twinstage.model.seen import Crossing
from twinstage.runtime.runtime import Fence, StaleFence

CALLS: dict[str, Callable[[Bench, Fence], None]] = {
    "open": lambda bench, old: bench.runtime.open(Ecosystem.STAGING, old),
    "introduce": lambda bench, old: bench.runtime.introduce({}, old),
    "put_workload": lambda bench, old: bench.runtime.put_workload(bench.healthy_workload("orders"), old),
    "delete_workload": lambda bench, old: bench.runtime.delete_workload(key("orders"), old),
    "put_route": lambda bench, old: bench.runtime.put_route(route("orders"), old),
    "delete_route": lambda bench, old: bench.runtime.delete_route(Ecosystem.STAGING, ServiceName("orders"), old),
    "put_job": lambda bench, old: bench.runtime.put_job(bench.job(0), old),
    "delete_job": lambda bench, old: bench.runtime.delete_job(JobId("nothing"), old),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_older_controller_is_refused(bench: Bench, call: str) -> None:
    newer = Fence(epoch=bench.fence.epoch + 1, generation=0)
    bench.runtime.open(Ecosystem.PRODUCTION, newer)
    with pytest.raises(StaleFence):
        CALLS[call](bench, bench.fence)


def test_the_same_fence_may_come_again(bench: Bench) -> None:
    bench.runtime.open(Ecosystem.PRODUCTION, bench.fence)
    bench.runtime.open(Ecosystem.PRODUCTION, bench.fence)


def test_a_stray_call_is_told_with_who_made_it(bench: Bench) -> None:
    workload = bench.straying_workload()
    bench.runtime.put_workload(workload, bench.fence)

    def met(ecosystem: Ecosystem) -> list[Crossing]:
        return [crossing for crossing in bench.runtime.crossings(ecosystem, 0) if crossing.source == workload.key]

    bench.settle(lambda: bool(met(Ecosystem.STAGING)))
    bench.settle(lambda: healthy(bench, workload.key))
    first = met(Ecosystem.STAGING)[0]
    assert first.kind in {"other-ecosystem", "undeclared", "outside"}
    later = bench.runtime.crossings(Ecosystem.STAGING, first.seq)
    assert all(crossing.seq > first.seq for crossing in later)
    assert not met(Ecosystem.PRODUCTION), "production's are told apart"
    counted = {sentinel.ecosystem: sentinel for sentinel in bench.runtime.sentinels()}
    assert counted[Ecosystem.STAGING].answers[(first.kind, first.answered)] >= 1
    assert all(sentinel.starts >= 1 for sentinel in counted.values())


def test_the_boundary_is_enforced(bench: Bench) -> None:
    boundary = bench.runtime.boundary()
    assert boundary.enforced
    assert boundary.attributes
    assert boundary.means
