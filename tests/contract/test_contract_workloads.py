"""Workloads: put is whole and idempotent, progress is only seen, what is deleted goes and stays away."""

from contract.bench import Bench, healthy, key, route, seen
from twinstage.model.names import Ecosystem, ReleaseId


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
    there = seen(bench, workload.key)
    bench.runtime.delete_workload(workload.key, bench.fence)
    bench.settle(lambda: seen(bench, workload.key) is None)
    assert there is not None
    ids = [instance.id for instance in there.instances]
    assert set(ids) <= set(bench.runtime.spoken(workload.key.release)), "and what it said is still to be had"
    assert all(b"".join(bench.runtime.log(id, 0)) for id in ids)
    assert bench.runtime.spoken(ReleaseId("r_ffffffffffff")) == ()


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


def test_one_that_answers_badly_is_never_healthy(bench: Bench) -> None:
    """It runs, so only whoever asks it can know."""
    workload = bench.ailing_workload()
    bench.runtime.put_workload(workload, bench.fence)

    def told() -> bool:
        found = seen(bench, workload.key)
        assert found is None or found.healthy == 0, "called healthy though it answers badly"
        return found is not None and any("503" in i.detail for i in found.instances)

    bench.settle(told)


def test_a_request_that_is_not_answered_yet_is_in_flight(bench: Bench) -> None:
    """What is drained is deleted: until then nobody may be cut off."""
    workload = bench.healthy_workload("orders")
    wanted = route("orders", (workload.key, 100))
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))
    bench.runtime.put_route(wanted, bench.fence)
    bench.settle(lambda: wanted in bench.runtime.observe(Ecosystem.PRODUCTION).routes.values())

    def in_flight() -> int | None:
        found = seen(bench, workload.key)
        return None if found is None else found.in_flight

    with bench.unanswered("orders"):
        bench.settle(lambda: bool(in_flight()))
    bench.settle(lambda: in_flight() == 0)


def test_ecosystems_are_seen_apart(bench: Bench) -> None:
    workload = bench.healthy_workload("orders")
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))
    staging = bench.runtime.observe(Ecosystem.STAGING)
    assert workload.key not in staging.workloads
    assert staging.enforced
