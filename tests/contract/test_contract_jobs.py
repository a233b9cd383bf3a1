"""Jobs: recorded ones run once, whatever happens; their results stay until they are deleted."""

from dataclasses import replace

from contract.bench import Bench
from twinstage.model.job import Job, JobResult
from twinstage.model.names import JobId


def result(bench: Bench, job: JobId) -> JobResult | None:
    found = bench.runtime.jobs().get(job)
    return None if found is None else found.result


def ended(bench: Bench, exit_status: int = 0) -> Job:
    job = bench.job(exit_status)
    bench.runtime.put_job(job, bench.fence)
    bench.settle(lambda: result(bench, job.id) is not None)
    return bench.runtime.jobs()[job.id]


def test_a_job_that_succeeds(bench: Bench) -> None:
    job = ended(bench)
    assert (job.result, job.exit_status) == (JobResult.SUCCEEDED, 0)
    assert job.started is not None
    assert job.ended is not None
    assert job.started <= job.ended


def test_a_job_that_fails_says_its_status(bench: Bench) -> None:
    job = ended(bench, 3)
    assert (job.result, job.exit_status) == (JobResult.FAILED, 3)


def unended(job: Job) -> Job:
    """As the store recorded it before it ran."""
    return replace(job, result=None, exit_status=None, started=None, ended=None, output={}, log_end="")


def test_putting_an_ended_job_again_does_not_run_it_again(bench: Bench) -> None:
    job = ended(bench)
    bench.runtime.put_job(unended(job), bench.fence)
    bench.settle(lambda: result(bench, job.id) is not None)
    again = bench.runtime.jobs()[job.id]
    assert (again.started, again.ended) == (job.started, job.ended)


def test_a_running_job_is_stopped_and_then_forgotten(bench: Bench) -> None:
    job = bench.endless_job()
    bench.runtime.put_job(job, bench.fence)
    bench.settle(lambda: (found := bench.runtime.jobs().get(job.id)) is not None and found.started is not None)

    def gone() -> bool:
        assert result(bench, job.id) in {None, JobResult.STOPPED}
        bench.runtime.delete_job(job.id, bench.fence)
        return job.id not in bench.runtime.jobs()

    bench.settle(gone)


def test_a_forgotten_job_never_runs_again(bench: Bench) -> None:
    job = ended(bench)

    def gone() -> bool:
        bench.runtime.delete_job(job.id, bench.fence)
        return job.id not in bench.runtime.jobs()

    bench.settle(gone)
    bench.runtime.put_job(unended(job), bench.fence)
    bench.settle(lambda: result(bench, job.id) is not None)
    again = bench.runtime.jobs()[job.id]
    assert again.started in {None, job.started}, "it did not start a second time"


def test_deleting_an_unknown_job_is_no_mistake(bench: Bench) -> None:
    bench.runtime.delete_job(JobId("nothing.gate.unit.0.1"), bench.fence)
    assert JobId("nothing.gate.unit.0.1") not in bench.runtime.jobs()


def test_a_log_can_be_read_from_any_place(bench: Bench) -> None:
    job = ended(bench, 1)
    whole = b"".join(bench.runtime.log(job.id, 0))
    assert b"".join(bench.runtime.log(job.id, len(whole))) == b""
    if whole:
        assert b"".join(bench.runtime.log(job.id, -1)) == whole[-1:]
