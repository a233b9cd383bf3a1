"""Routes: what is told to be in force is what the proxy has accepted; its counters never fall."""

from contract.bench import Bench, healthy, key, route
from twinstage.model.names import Ecosystem, LaneId, ServiceName
from twinstage.model.workload import Route, WorkloadKey

ORDERS = ServiceName("orders")


def accepted(bench: Bench, ecosystem: Ecosystem = Ecosystem.PRODUCTION) -> Route | None:
    return bench.runtime.observe(ecosystem).routes.get(ORDERS)


def standing(bench: Bench, *releases: str) -> list[WorkloadKey]:
    workloads = [bench.healthy_workload("orders", release=r) for r in releases]
    for workload in workloads:
        bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: all(healthy(bench, w.key) for w in workloads))
    return [w.key for w in workloads]


def test_a_route_is_accepted_as_it_was_put(bench: Bench) -> None:
    (only,) = standing(bench, "r_000000000001")
    wanted = route("orders", (only, 100))
    bench.runtime.put_route(wanted, bench.fence)
    bench.settle(lambda: accepted(bench) == wanted)


def test_a_route_is_replaced_whole(bench: Bench) -> None:
    old, new = standing(bench, "r_000000000001", "r_000000000002")
    for split in (((old, 100),), ((old, 95), (new, 5)), ((new, 100),)):
        wanted = route("orders", *split)
        bench.runtime.put_route(wanted, bench.fence)
        bench.settle(lambda wanted=wanted: accepted(bench) == wanted)


def test_a_route_that_leads_nowhere_is_accepted_too(bench: Bench) -> None:
    wanted = route("orders")
    bench.runtime.put_route(wanted, bench.fence)
    bench.settle(lambda: accepted(bench) == wanted)


def test_a_lane_is_accepted(bench: Bench) -> None:
    workload = bench.straying_workload()
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))
    plain = route("payments", ecosystem=Ecosystem.STAGING)
    wanted = Route(
        ecosystem=plain.ecosystem,
        service=plain.service,
        port=plain.port,
        lanes=((LaneId("deadbeef"), workload.key),),
    )
    bench.runtime.put_route(wanted, bench.fence)
    bench.settle(lambda: bench.runtime.observe(Ecosystem.STAGING).routes.get(plain.service) == wanted)


def test_a_deleted_route_is_gone(bench: Bench) -> None:
    (only,) = standing(bench, "r_000000000001")
    bench.runtime.put_route(route("orders", (only, 100)), bench.fence)
    bench.settle(lambda: accepted(bench) is not None)
    bench.runtime.delete_route(Ecosystem.PRODUCTION, ORDERS, bench.fence)
    bench.settle(lambda: accepted(bench) is None)
    bench.runtime.delete_route(Ecosystem.PRODUCTION, ORDERS, bench.fence)


def test_requests_are_counted_where_they_went(bench: Bench) -> None:
    old, new = standing(bench, "r_000000000001", "r_000000000002")
    wanted = route("orders", (old, 100))
    bench.runtime.put_route(wanted, bench.fence)
    bench.settle(lambda: accepted(bench) == wanted)

    def counted(which: WorkloadKey) -> int:
        samples = bench.runtime.traffic(Ecosystem.PRODUCTION)
        return sum(s.requests for s in samples if s.workload == which)

    before = counted(old)
    for _ in range(20):
        bench.request("orders")
    bench.settle(lambda: counted(old) >= before + 20)
    assert counted(new) == 0
    errors = sum(s.errors for s in bench.runtime.traffic(Ecosystem.PRODUCTION) if s.workload == old)
    assert errors == 0


def test_nothing_is_known_of_what_was_never_put(bench: Bench) -> None:
    assert accepted(bench) is None
    assert key("orders") not in bench.runtime.observe(Ecosystem.PRODUCTION).workloads
