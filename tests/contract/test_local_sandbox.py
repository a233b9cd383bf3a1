"""How an instance or a job stands on this machine: its walls, its environment, its signals. The real runtime alone."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from contract.bench import healthy, key
from contract.local_bench import LocalBench
from twinstage.model.job import Job, JobResult
from twinstage.model.names import InstanceId
from twinstage.runtime.local.layout import Layout

pytestmark = pytest.mark.real

FACTS = """
import json, os, socket
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
def tried(act):
    try:
        return repr(act())
    except OSError as error:
        return type(error).__name__
print(json.dumps({
    "environment": sorted(os.environ),
    "status": {name: status[name].strip() for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Uid")},
    "processes": sorted(int(p) for p in os.listdir("/proc") if p.isdigit()),
    "root": sorted(os.listdir("/")),
    "interfaces": sorted(name for _, name in socket.if_nameindex()),
    "artifact": tried(lambda: open("/artifacts/contract/x", "w")),
    "neighbours": tried(lambda: os.listdir("/desired")),
    "raw": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
    "vsock": tried(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)),
    "namespace": tried(lambda: os.listdir("/proc/1/root/etc")),
}))
"""


def ended(local: LocalBench, job: Job) -> Job:
    local.runtime.put_job(job, local.fence)
    local.settle(lambda: (found := local.runtime.jobs().get(job.id)) is not None and found.result is not None)
    return local.runtime.jobs()[job.id]


def log(local: LocalBench, instance: InstanceId) -> str:
    return b"".join(local.runtime.log(instance, 0)).decode()


def test_a_job_is_nobody_and_sees_nothing_of_its_neighbours(local: LocalBench) -> None:
    job = ended(local, local.command(f"cat > facts.py <<'END'\n{FACTS}\nEND\npython3 facts.py"))
    assert job.result is JobResult.SUCCEEDED, job.log_end
    facts = json.loads(job.log_end.splitlines()[-1])
    assert facts["environment"] == ["HOME", "LANG", "PATH", "PWD", "TZ"]
    assert facts["status"] == {
        "CapEff": "0" * 16,
        "CapBnd": "0" * 16,
        "NoNewPrivs": "1",
        "Seccomp": "2",
        "Uid": "1000\t1000\t1000\t1000",
    }
    assert len(facts["processes"]) <= 4, "only its own"
    assert facts["interfaces"] == ["lo"], "a gate has no network"
    assert not {"desired", "state", "sockets", "home"} & set(facts["root"])
    assert facts["artifact"] == "OSError", "its artifact is read-only"
    assert facts["neighbours"] == "FileNotFoundError"
    assert (facts["raw"], facts["vsock"]) == ("PermissionError", "OSError")


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
    assert "told to stop" in log(local, InstanceId("production.orders.web.r_000000000001.1.main.0"))


def test_one_that_does_not_listen_to_sigterm_is_gone_all_the_same(local: LocalBench) -> None:
    workload = local.workload(key("orders"), "trap '' TERM; python3 main.py & wait", 1)
    local.runtime.put_workload(workload, local.fence)
    local.settle(lambda: healthy(local, workload.key))
    local.runtime.delete_workload(workload.key, local.fence)
    local.settle(lambda: workload.key not in local.runtime.observe(workload.key.ecosystem).workloads)


def test_three_instances_of_a_program_with_a_port_of_its_own(local: LocalBench) -> None:
    workload = replace(local.workload(key("orders"), "PORT=8000 exec python3 main.py", 3), listens=8000)
    local.runtime.put_workload(workload, local.fence)
    local.settle(lambda: healthy(local, workload.key, 3))


def test_a_job_whose_workshop_is_killed_is_lost_and_never_runs_again(local: LocalBench, sandboxes: Layout) -> None:
    job = local.command("echo begun; exec sleep 3600")
    local.runtime.put_job(job, local.fence)
    local.settle(lambda: b"begun" in b"".join(local.runtime.log(job.id, 0)))
    _workshops_supervisor(str(sandboxes.state)).kill()
    local.settle(lambda: (found := local.runtime.jobs().get(job.id)) is not None and found.result is not None)
    assert local.runtime.jobs()[job.id].result is JobResult.LOST
    assert b"".join(local.runtime.log(job.id, 0)).count(b"begun") == 1


def _workshops_supervisor(state: str) -> psutil.Process:
    """The first process of the workshop's sandbox; bubblewrap outside it carries the same words."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            begins = process.cmdline()[1:] == ["-m", "supervisor.supervisord", "-c", "/desired/supervisord.conf"]
            if begins and f"{state}/workshop/desired" in Path(f"/proc/{process.pid}/mountinfo").read_text():
                return process
    raise AssertionError("the workshop has no supervisor")
