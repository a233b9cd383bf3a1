"""A probe of the boundary, on every runtime."""

import pytest

from contract.bench import Bench
from twinstage.jobs.probe import probe_job
from twinstage.model.job import JobResult
from twinstage.model.names import Ecosystem


@pytest.mark.parametrize("ecosystem", Ecosystem)
def test_a_probe_says_how_many_ways_there_were_and_which_were_open(bench: Bench, ecosystem: Ecosystem) -> None:
    job = probe_job(ecosystem, f"contract{ecosystem.value}")
    bench.runtime.put_job(job, bench.fence)
    bench.runtime.put_job(job, bench.fence)
    bench.settle(lambda: (it := bench.runtime.jobs().get(job.id)) is not None and it.result is not None)
    ended = bench.runtime.jobs()[job.id]
    assert ended.result is JobResult.SUCCEEDED
    assert set(ended.output) == {"tried", "stopped", "passed"}
    assert int(ended.output["tried"]) == int(ended.output["stopped"]) > 0
    assert ended.output["passed"] == ""
    bench.runtime.delete_job(job.id, bench.fence)
    bench.settle(lambda: job.id not in bench.runtime.jobs())
