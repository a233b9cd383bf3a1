"""One service does its worst in production; its neighbour there goes on answering, and people read what became of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import hostile
import pytest

from contract import local_bench
from contract.bench import PORTS, healthy, key, serve
from contract.local_bench import LocalBench
from twinstage.model.bounds import Bounds
from twinstage.model.job import JobResult
from twinstage.model.names import Ecosystem, InstanceId, JobId, ServiceName
from twinstage.runtime.local.layout import Layout

pytestmark = pytest.mark.real

PAYMENTS = key("payments")
CULPRIT = InstanceId("production.payments.web.r_000000000001.1.main.0")
TIGHT = Bounds(memory=256 << 20, processes=48, files=200, tmp=8 << 20, work=32 << 20)


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[Layout]:
    with local_bench.company() as layout:
        yield layout


@pytest.fixture
def local(sandboxes: Layout) -> Iterator[LocalBench]:
    """With ``orders`` healthy in production behind its frontend, the neighbour of whatever comes."""
    made = LocalBench(sandboxes)
    serve(made, made.healthy_workload("orders"))
    yield made
    made.clean()


def suffer(local: LocalBench, what: str, run: str, until: Callable[[], bool], errors: float = 0.0) -> None:
    """Run it beside the neighbour until that holds. ``errors``: the part of the neighbour's calls that may fail. How long they
    take is shown."""
    culprit = replace(local.workload(PAYMENTS, run, 1), bounds=TIGHT, calls=(ServiceName("orders"),))
    with hostile.Callers(PORTS["orders"][Ecosystem.PRODUCTION][0], what) as callers:
        local.runtime.put_workload(culprit, local.fence)
        local.settle(until)
        local.settle(lambda: len(callers.took) > 200)
        local.runtime.delete_workload(PAYMENTS, local.fence)
        local.settle(lambda: PAYMENTS not in local.runtime.observe(Ecosystem.PRODUCTION).workloads)
    assert len(callers.errors) <= errors * len(callers.took), callers.errors


def told(local: LocalBench) -> str:
    """What ``status`` and ``why`` say of the culprit."""
    (seen,) = local.runtime.observe(Ecosystem.PRODUCTION).workloads[PAYMENTS].instances
    return seen.detail


def log(local: LocalBench, source: InstanceId | JobId) -> str:
    return b"".join(local.runtime.log(source, 0)).decode(errors="replace")


def test_one_that_does_no_harm(local: LocalBench) -> None:
    """What the others are to be compared with."""
    suffer(local, "does no harm", hostile.SERVES, lambda: healthy(local, PAYMENTS) == 1)


def test_one_that_takes_all_memory_is_killed_and_said_to_be(local: LocalBench) -> None:
    words = "killed: it used more memory than the 256 MiB that it may have"
    suffer(local, "takes all memory", hostile.MEMORY, lambda: words in told(local))


def test_one_that_forks_without_end_cannot_go_on(local: LocalBench) -> None:
    words = "of the 48 processes and threads that it may have, and cannot start many more"
    suffer(local, "forks without end", hostile.FORKS, lambda: words in told(local))


def test_one_that_fills_its_disk_fills_only_that(local: LocalBench) -> None:
    suffer(local, "fills its disk", hostile.FILES, lambda: "/artifacts/contract" in log(local, CULPRIT))
    said = log(local, CULPRIT).splitlines()
    for place in ("/tmp", "/dev/shm"):
        last = [line for line in said if line.startswith(f"{place} ")][-1]
        assert "No space left on device" in last
        assert int(last.split()[-1]) <= TIGHT.tmp >> 10, "kilobytes"
    for place in ("/dev", "/", "/artifacts/contract"):
        assert [line for line in said if line.startswith(f"{place} 0 Read-only file system 0")], said


def test_a_log_without_end_is_bounded(local: LocalBench, sandboxes: Layout) -> None:
    logs = sandboxes.kept(local_bench.Place.PRODUCTION) / "logs"
    suffer(
        local, "fills its log", hostile.LOG, lambda: (logs / f"{CULPRIT.removeprefix('production.')}.log.1").exists()
    )
    size = sum(path.stat().st_size for path in logs.glob(f"{CULPRIT.removeprefix('production.')}.log*"))
    assert size < 10 << 20


def test_one_that_never_closes_connections_runs_out_of_its_own(local: LocalBench) -> None:
    suffer(local, "never closes connections", hostile.KEEPS, lambda: "Too many open files" in log(local, CULPRIT))


def test_one_that_floods_its_neighbour_is_answered_and_so_is_everybody(local: LocalBench) -> None:
    """It may call its neighbour, and nothing bounds how often: where the machine is busy, a small part of the others' calls
    finds no place."""
    suffer(local, "floods its neighbour", hostile.FLOODS, lambda: healthy(local, PAYMENTS), errors=0.05)


def test_one_that_tries_every_place_there_is_costs_its_neighbour_nothing(local: LocalBench) -> None:
    def known() -> int:
        found = [c for c in local.runtime.crossings(Ecosystem.PRODUCTION, 0) if c.source == PAYMENTS]
        return sum(c.count for c in found if c.target == "many other places")

    suffer(local, "strays", hostile.STRAYS, lambda: known() > 1000)


def test_one_that_does_not_listen_to_sigterm_goes(local: LocalBench) -> None:
    run = "trap '' TERM; python3 main.py & while :; do sleep 1; done"
    suffer(local, "ignores SIGTERM", run, lambda: healthy(local, PAYMENTS))


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("cat /dev/zero >zeros", "ended by SIGXFSZ"),
        (
            "n=0; while :; do n=$((n+1)); head -c 4000000 /dev/zero >$n || exit 3; done",
            "than the 32 MiB that a job may",
        ),
        (hostile.MEMORY.replace("(64)", "(200)"), "killed: it used more memory than a job may"),
        ("while :; do sleep 3600 & done", "Cannot fork"),
    ],
    ids=["a file", "files", "memory", "forks"],
)
def test_a_job_that_takes_too_much_fails_in_words(local: LocalBench, run: str, says: str) -> None:
    job = replace(local.command(run), bounds=TIGHT)
    local.runtime.put_job(job, local.fence)
    local.settle(lambda: local.runtime.jobs()[job.id].result is not None)
    ended = local.runtime.jobs()[job.id]
    assert ended.result is JobResult.FAILED, ended
    assert says in ended.log_end


STANDS = """exec setsid python3 -c "
import json, os, resource, runpy, sys, threading, time
def tell():
    while True:
        print('STANDS' + json.dumps({
            'nice': os.getpriority(os.PRIO_PROCESS, 0),
            'session': open('/proc/self/autogroup').read().split()[-1],
            'adjusted': int(open('/proc/self/oom_score_adj').read()),
            'processes': resource.getrlimit(resource.RLIMIT_NPROC),
            'files': resource.getrlimit(resource.RLIMIT_NOFILE),
            'core': resource.getrlimit(resource.RLIMIT_CORE),
        }), flush=True)
        time.sleep(0.2)
threading.Thread(target=tell, daemon=True).start()
sys.argv = ['main.py']
runpy.run_path('main.py')"
"""


def test_staging_stands_behind_production_also_in_sessions_of_its_own(local: LocalBench) -> None:
    found: dict[Ecosystem, dict[str, Any]] = {}
    for ecosystem, wanted in ((Ecosystem.PRODUCTION, "0"), (Ecosystem.STAGING, "5")):
        which = key("payments", ecosystem=ecosystem)
        local.runtime.put_workload(replace(local.workload(which, STANDS, 1), bounds=TIGHT), local.fence)
        it = InstanceId(CULPRIT.replace("production", ecosystem))
        local.settle(lambda it=it, wanted=wanted: _stands(local, it).get("session") == wanted)  # type: ignore[misc]
        found[ecosystem] = _stands(local, it)
    production, staging = found[Ecosystem.PRODUCTION], found[Ecosystem.STAGING]
    assert (production["nice"], staging["nice"]) == (0, 5)
    assert 0 < production["adjusted"] < staging["adjusted"], "where memory runs out, staging's goes first"
    for stands in (production, staging):
        assert (stands["processes"], stands["files"], stands["core"]) == ([48, 48], [200, 200], [0, 0])


def _stands(local: LocalBench, instance: InstanceId) -> dict[str, Any]:
    said = [line for line in log(local, instance).splitlines() if line.startswith("STANDS")]
    found: dict[str, Any] = json.loads(said[-1].removeprefix("STANDS")) if said else {}
    return found
