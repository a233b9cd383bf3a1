"""Workloads: put is whole and idempotent, progress is only seen, what is deleted goes and stays away."""

from contract.bench import Bench, healthy, key, seen
from twinstage.model.names import Ecosystem


def test_a_workload_becomes_healthy_with_all_its_replicas(bench: Bench) -> None:
    workload = bench.healthy_workload("orders", replicas=2)
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key, 2))


def test_putting_it_again_changes_nothing(bench: Bench) -> None:
    workload = bench.healthy_workload("orders")
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))
    before = seen(bench, workload.key)
    bench.runtime.put_workload(workload, bench.fence)
    bench.introduce()
    bench.settle(lambda: healthy(bench, workload.key))
    after = seen(bench, workload.key)
    assert before is not None
    assert after is not None
    assert [i.id for i in before.instances] == [i.id for i in after.instances], "no instance was replaced"


def test_more_replicas_keep_those_that_run(bench: Bench) -> None:
    small, large = (bench.healthy_workload("orders", replicas=n) for n in (1, 3))
    bench.runtime.put_workload(small, bench.fence)
    bench.settle(lambda: healthy(bench, small.key, 1))
    first = seen(bench, small.key)
    bench.runtime.put_workload(large, bench.fence)
    bench.settle(lambda: healthy(bench, large.key, 3))
    found = seen(bench, large.key)
    assert first is not None
    assert found is not None
    assert {i.id for i in first.instances} < {i.id for i in found.instances}


def test_fewer_replicas_stop_the_rest(bench: Bench) -> None:
    large, small = (bench.healthy_workload("orders", replicas=n) for n in (2, 1))
    bench.runtime.put_workload(large, bench.fence)
    bench.settle(lambda: healthy(bench, large.key, 2))
    bench.runtime.put_workload(small, bench.fence)
    bench.settle(lambda: healthy(bench, small.key, 1))


def test_two_releases_of_a_service_stand_side_by_side(bench: Bench) -> None:
    old, new = (bench.healthy_workload("orders", release=r) for r in ("r_000000000001", "r_000000000002"))
    for workload in (old, new):
        bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, old.key) and healthy(bench, new.key))


def test_what_is_deleted_is_gone(bench: Bench) -> None:
    workload = bench.healthy_workload("orders")
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))
    bench.runtime.delete_workload(workload.key, bench.fence)
    bench.settle(lambda: seen(bench, workload.key) is None)


def test_deleting_what_is_not_there_is_no_mistake(bench: Bench) -> None:
    bench.runtime.delete_workload(key("orders", "r_00000000dead"), bench.fence)
    assert seen(bench, key("orders", "r_00000000dead")) is None


def test_what_was_deleted_can_be_put_again(bench: Bench) -> None:
    workload = bench.healthy_workload("orders")
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))
    bench.runtime.delete_workload(workload.key, bench.fence)
    bench.settle(lambda: seen(bench, workload.key) is None)
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))


def test_one_that_fails_is_never_healthy_and_says_why(bench: Bench) -> None:
    workload = bench.failing_workload()
    bench.runtime.put_workload(workload, bench.fence)

    def told() -> bool:
        found = seen(bench, workload.key)
        assert found is None or found.healthy == 0
        return found is not None and any(i.detail for i in found.instances)

    bench.settle(told)


def test_ecosystems_are_seen_apart(bench: Bench) -> None:
    workload = bench.healthy_workload("orders")
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))
    staging = bench.runtime.observe(Ecosystem.STAGING)
    assert workload.key not in staging.workloads
    assert staging.enforced
