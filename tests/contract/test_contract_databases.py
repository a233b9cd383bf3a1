"""Databases: prepared, migrated, measured, cloned for a lane and dropped with it, on every runtime."""

from contract.bench import Bench, healthy
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem
from twinstage.model.seen import Health

LANE = "0a1b2c3d"


def done(bench: Bench, job: Job) -> Job:
    bench.runtime.put_job(job, bench.fence)
    bench.settle(lambda: (found := bench.runtime.jobs().get(job.id)) is not None and found.result is not None)
    return bench.runtime.jobs()[job.id]


def prepared(bench: Bench, data: str = "main") -> None:
    job = done(bench, bench.data_job(JobKind.PREPARE, data=data))
    assert (job.result, job.output) == (JobResult.SUCCEEDED, {}), job.log_end


def test_the_server_is_a_part_from_the_first_need_on(bench: Bench) -> None:
    prepared(bench)
    bench.settle(lambda: bench.runtime.observe(Ecosystem.STAGING).parts.get("database") is Health.HEALTHY)


def test_a_workload_with_databases_becomes_healthy(bench: Bench) -> None:
    prepared(bench)
    workload = bench.with_database()
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, workload.key))


def test_what_a_migration_changes_is_measured_and_done_again_it_changes_nothing(bench: Bench) -> None:
    prepared(bench)
    first = done(bench, bench.data_job(JobKind.MIGRATE, changes="parcels"))
    again = done(bench, bench.data_job(JobKind.MIGRATE, changes="parcels"))
    assert first.result is again.result is JobResult.SUCCEEDED
    assert first.output["schema_before"] != first.output["schema_after"]
    assert again.output["schema_before"] == again.output["schema_after"] == first.output["schema_after"]


def test_a_migration_that_fails_is_measured_all_the_same(bench: Bench) -> None:
    prepared(bench)
    job = done(bench, bench.data_job(JobKind.MIGRATE, changes="parcels", exit_status=3))
    assert (job.result, job.exit_status) == (JobResult.FAILED, 3)
    assert job.output["schema_before"] != job.output["schema_after"]


def test_a_lanes_clone_begins_as_main_is_and_changes_alone(bench: Bench) -> None:
    prepared(bench)
    main = done(bench, bench.data_job(JobKind.MIGRATE, changes="parcels"))
    prepared(bench, LANE)
    lane = done(bench, bench.data_job(JobKind.MIGRATE, data=LANE, changes="letters"))
    assert lane.output["schema_before"] == main.output["schema_after"]
    assert lane.output["schema_after"] != main.output["schema_after"]
    after = done(bench, bench.data_job(JobKind.MIGRATE))
    assert after.output["schema_before"] == main.output["schema_after"]


def test_a_clone_that_is_there_is_left_as_it_is_and_a_dropped_one_is_made_anew(bench: Bench) -> None:
    prepared(bench)
    prepared(bench, LANE)
    changed = done(bench, bench.data_job(JobKind.MIGRATE, data=LANE, changes="letters"))
    prepared(bench, LANE)
    kept = done(bench, bench.data_job(JobKind.MIGRATE, data=LANE))
    assert kept.output["schema_before"] == changed.output["schema_after"]
    for _ in range(2):
        assert done(bench, bench.data_job(JobKind.DROP, data=LANE)).result is JobResult.SUCCEEDED
    prepared(bench, LANE)
    anew = done(bench, bench.data_job(JobKind.MIGRATE, data=LANE))
    assert anew.output["schema_before"] == changed.output["schema_before"]
