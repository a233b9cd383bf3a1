"""How an instance or a job stands on this machine: its walls, its environment, its signals. The real runtime alone."""

import json
import os
import time
import urllib.request
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from contract.bench import PORTS, healthy, key, serve
from contract.local_bench import LocalBench
from twinstage.model.job import Job, JobResult
from twinstage.model.names import Ecosystem, InstanceId, JobId, ServiceName
from twinstage.runtime.local.layout import Layout

pytestmark = pytest.mark.real

FACTS = """
import ctypes, errno, json, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def system(call, *arguments):
    if call(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
def tried(act):
    try:
        return repr(act())
    except OSError as error:
        return errno.errorcode[error.errno]
def processes():
    for number in filter(str.isdigit, os.listdir("/proc")):
        yield open(f"/proc/{number}/cmdline").read().replace("\\0", " ").strip()
print("FACTS" + json.dumps({
    "environment": dict(os.environ),
    "status": {name: status[name].strip() for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Uid")},
    "processes": list(processes()),
    "root": sorted(os.listdir("/")),
    "artifacts": os.listdir("/artifacts"),
    "interfaces": sorted(name for _, name in socket.if_nameindex()),
    "tried": {
        "write the artifact": tried(lambda: open("/artifacts/contract/x", "w")),
        "change the artifact": tried(lambda: open("/artifacts/contract/main.py", "r+")),
        "write the root": tried(lambda: open("/x", "w")),
        "write beside its command": tried(lambda: open("/twinstage/x", "w")),
        "list /desired": tried(lambda: os.listdir("/desired")),
        "list /state": tried(lambda: os.listdir("/state")),
        "list /sockets": tried(lambda: os.listdir("/sockets")),
        "list the networks": tried(lambda: os.listdir("/run/ns")),
        "a raw socket": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
        "a socket to the host": tried(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)),
        "a user namespace": tried(lambda: system(libc.unshare, 0x10000000)),
        "another program's memory": tried(lambda: system(libc.ptrace, 16, 1, 0, 0)),
    },
}), flush=True)
"""
REFUSED = {
    "write the artifact": "EROFS",
    "change the artifact": "EROFS",
    "write the root": "EROFS",
    "write beside its command": "EROFS",
    "list /desired": "ENOENT",
    "list /state": "ENOENT",
    "list /sockets": "ENOENT",
    "list the networks": "ENOENT",
    "a raw socket": "EPERM",
    "a socket to the host": "EAFNOSUPPORT",
    "a user namespace": "EPERM",
    "another program's memory": "EPERM",
}
NOBODY = {
    "CapEff": "0" * 16,
    "CapBnd": "0" * 16,
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "Uid": "1000\t1000\t1000\t1000",
}
TELL = f"python3 - <<'END'\n{FACTS}\nEND\n"
ORDERS = "production.orders.web.r_000000000001.1.main.0"


def ended(local: LocalBench, job: Job) -> Job:
    local.runtime.put_job(job, local.fence)
    local.settle(lambda: (found := local.runtime.jobs().get(job.id)) is not None and found.result is not None)
    return local.runtime.jobs()[job.id]


def log(local: LocalBench, source: InstanceId | JobId) -> str:
    return b"".join(local.runtime.log(source, 0)).decode()


def facts(said: str) -> dict[str, Any]:
    """The newest: a log goes on where an earlier test's instance of that name ended."""
    *_, line = [line for line in said.splitlines() if line.startswith("FACTS")]
    found: dict[str, Any] = json.loads(line.removeprefix("FACTS"))
    return found


def test_a_job_is_nobody_and_sees_nothing_of_its_neighbours(local: LocalBench) -> None:
    job = ended(local, local.command(TELL))
    assert job.result is JobResult.SUCCEEDED, job.log_end
    found = facts(log(local, job.id))
    assert sorted(found["environment"]) == ["HOME", "LANG", "PATH", "PWD", "TZ"]
    assert found["status"] == NOBODY
    assert len(found["processes"]) <= 4, "only its own"
    assert found["interfaces"] == ["lo"], "a gate has no network"
    assert found["artifacts"] == ["contract"]
    assert not {"desired", "state", "sockets", "home", "company"} & set(found["root"])
    assert found["tried"] == REFUSED


def test_an_instance_is_nobody_and_sees_nothing_of_its_neighbours(local: LocalBench, sandboxes: Layout) -> None:
    neighbour = replace(local.healthy_workload("payments"), env={"SECRET": "of payments"})
    (sandboxes.artifacts / "another").mkdir(exist_ok=True)
    told = replace(
        local.workload(key("orders"), f"{TELL}exec python3 main.py", 2),
        calls=(ServiceName("payments"),),
        env={"MODE": "100 %(x)s 'quoted' \"twice\"\nand a line", "HOST": "0.0.0.0", "PATH": "/mine"},
    )
    for workload in (neighbour, told):
        local.runtime.put_workload(workload, local.fence)
    local.settle(lambda: healthy(local, neighbour.key) and healthy(local, told.key, 2))
    found = facts(log(local, InstanceId(ORDERS)))
    assert found["environment"] == {
        "PATH": "/artifacts/contract/.venv/bin:/opt/twinstage/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PWD": "/artifacts/contract",
        "HOST": "127.0.0.1",
        "PORT": str(PORTS["orders"][Ecosystem.PRODUCTION][1]),
        "PAYMENTS_URL": f"http://10.64.0.1:{PORTS['payments'][Ecosystem.PRODUCTION][0]}",
        "MODE": "100 %(x)s 'quoted' \"twice\"\nand a line",
    }
    assert found["status"] == NOBODY
    assert len(found["processes"]) <= 4, "not even its twin's"
    assert found["artifacts"] == ["contract"], "no other release's"
    assert not {"desired", "state", "sockets", "home", "company"} & set(found["root"])
    assert found["tried"] == REFUSED


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("printf '%s %d%%\\n' \"it's\" 100", "it's 100%"),
        ('for word in one two\ndo\n  printf "$word "\ndone', "one two "),
        ("echo '\"; touch /tmp/x; echo \"' # a comment", '"; touch /tmp/x; echo "'),
    ],
)
def test_a_command_is_taken_as_it_is_written(local: LocalBench, run: str, said: str) -> None:
    job = ended(local, local.command(run))
    assert (job.result, job.log_end.strip()) == (JobResult.SUCCEEDED, said.strip())


def test_a_job_that_takes_too_long_is_ended(local: LocalBench) -> None:
    job = ended(local, local.command("trap '' TERM; while :; do sleep 1; done", limit=timedelta(seconds=1)))
    assert job.result is JobResult.TIMED_OUT


def test_an_instances_command_is_taken_as_it_is_written(local: LocalBench) -> None:
    run = "printf '%s %d%%\\n' \"it's\" 100  # 'a comment\nfor word in one two\ndo echo \"<$word>\"; done\nexec python3 main.py"
    workload = local.workload(key("orders"), run, 1)
    local.runtime.put_workload(workload, local.fence)
    local.settle(lambda: healthy(local, workload.key))
    assert "it's 100%\n<one>\n<two>\n" in log(local, InstanceId(ORDERS))


def test_sigterm_reaches_the_program(local: LocalBench) -> None:
    run = (
        'exec python3 -c "import signal, sys, runpy\n'
        "signal.signal(signal.SIGTERM, lambda *_: (print('told to stop', flush=True), sys.exit(0)))\n"
        "sys.argv = ['main.py']; runpy.run_path('main.py')\""
    )
    workload = local.workload(key("orders"), run, 1)
    local.runtime.put_workload(workload, local.fence)
    local.settle(lambda: healthy(local, workload.key))
    local.runtime.delete_workload(workload.key, local.fence)
    local.settle(lambda: workload.key not in local.runtime.observe(workload.key.ecosystem).workloads)
    assert "told to stop" in log(local, InstanceId(ORDERS))


def test_one_that_does_not_listen_to_sigterm_is_gone_all_the_same(local: LocalBench) -> None:
    """With everything it started, ten seconds after it was told."""
    workload = local.workload(key("orders"), "trap '' TERM; sleep 986543 & python3 main.py & wait", 1)
    local.runtime.put_workload(workload, local.fence)
    local.settle(lambda: healthy(local, workload.key))
    assert _running("sleep", "986543")
    told = time.monotonic()
    local.runtime.delete_workload(workload.key, local.fence)
    local.settle(lambda: workload.key not in local.runtime.observe(workload.key.ecosystem).workloads)
    assert time.monotonic() - told > 8, "it has its ten seconds"
    local.settle(lambda: not _running("sleep", "986543"))


def test_three_instances_of_a_program_with_a_port_of_its_own(local: LocalBench) -> None:
    """The program listens on 8000 and nowhere else; the frontend reaches each of the three."""
    workload = replace(local.workload(key("orders"), "PORT=8000 exec python3 main.py", 3), listens=8000)
    serve(local, workload)
    port = PORTS["orders"][Ecosystem.PRODUCTION][0]

    def all_asked() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/asked", timeout=20) as answer:
            assert answer.read() == b"well"
        names = [InstanceId(f"production.orders.web.r_000000000001.1.main.{number}") for number in range(3)]
        return all('"GET /asked HTTP/1.1" 200' in log(local, name) for name in names)

    local.settle(all_asked)


UNLIKE = "cat /proc/sys/kernel/random/uuid"
"""Says something else each time, so that a log that was written a second time is seen."""


def test_a_job_runs_once_however_often_it_is_told(local: LocalBench) -> None:
    """Told again while it runs, when it has ended, and when it is forgotten."""
    job = local.command(UNLIKE)
    for _ in range(3):
        local.runtime.put_job(job, local.fence)
    local.settle(lambda: local.over(job.id))
    said = log(local, job.id)
    assert said
    local.runtime.put_job(job, local.fence)
    _forget(local, job)
    local.runtime.put_job(job, local.fence)
    local.settle(lambda: local.over(job.id))
    assert log(local, job.id) == said
    assert local.runtime.jobs()[job.id].result is JobResult.SUCCEEDED


def test_as_many_jobs_run_at_once_as_the_machine_has_cores(local: LocalBench) -> None:
    most = max(2, os.cpu_count() or 2)
    jobs = [local.command("exec sleep 3600") for _ in range(most + 1)]
    for job in jobs:
        local.runtime.put_job(job, local.fence)

    def begun() -> set[JobId]:
        return {id for id, job in local.runtime.jobs().items() if job.started is not None}

    local.settle(lambda: len(begun()) == most)
    assert begun() == {job.id for job in jobs[:-1]}, "oldest first"
    local.runtime.delete_job(jobs[0].id, local.fence)
    local.settle(lambda: jobs[-1].id in begun())


def test_a_job_whose_workshop_is_killed_is_lost_and_never_runs_again(local: LocalBench, sandboxes: Layout) -> None:
    job = local.command(f"{UNLIKE}; exec sleep 3600")
    local.runtime.put_job(job, local.fence)
    local.settle(lambda: local.runtime.jobs()[job.id].started is not None and bool(log(local, job.id)))
    said = log(local, job.id)
    _workshops_supervisor(str(sandboxes.state)).kill()
    local.settle(lambda: local.over(job.id))
    assert local.runtime.jobs()[job.id].result is JobResult.LOST
    local.runtime.put_job(job, local.fence)
    _forget(local, job)
    local.runtime.put_job(job, local.fence)
    local.settle(lambda: local.over(job.id))
    assert local.runtime.jobs()[job.id].result is JobResult.LOST
    assert log(local, job.id) == said


def _forget(local: LocalBench, job: Job) -> None:
    def gone() -> bool:
        local.runtime.delete_job(job.id, local.fence)
        return job.id not in local.runtime.jobs() and local.forgot(job.id)

    local.settle(gone)


def _running(*command: str) -> bool:
    return any(process.info["cmdline"] == list(command) for process in psutil.process_iter(["cmdline"]))


def _workshops_supervisor(state: str) -> psutil.Process:
    """The first process of the workshop's sandbox; bubblewrap outside it carries the same words."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            begins = process.cmdline()[1:] == ["-m", "twinstage.inside.supervisord", "-c", "/desired/supervisord.conf"]
            if begins and f"{state}/workshop/desired" in Path(f"/proc/{process.pid}/mountinfo").read_text():
                return process
    raise AssertionError("the workshop has no supervisor")
