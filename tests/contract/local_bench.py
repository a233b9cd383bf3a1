"""The runtime on one machine under the contract: real sandboxes, one company for the whole suite, no controller."""

import itertools
import os
import shutil
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import psutil

from contract.bench import PORTS, key
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Digest, Ecosystem, JobId, Place, Port, RolloutId, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.workload import Workload, WorkloadKey
from twinstage.runtime.checked import Checked
from twinstage.runtime.local import host
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.local import LocalRuntime
from twinstage.runtime.local.naming import program_of_job
from twinstage.runtime.local.places import Places
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor.client import Supervisor
from twinstage.runtime.runtime import Fence, Runtime, Unavailable

NAME = "contract"
PROGRAM = b"""
import http.server, os, sys, threading, urllib.request

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"well")

def stray():
    try:
        urllib.request.urlopen(sys.argv[1], timeout=2)
    except OSError as error:
        print("stray:", error, flush=True)

if sys.argv[1:]:
    threading.Thread(target=stray, daemon=True).start()
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answers).serve_forever()
"""
WITHIN = 30.0  # seconds for anything to come about

_epochs = itertools.count(10, 10)
_jobs = itertools.count(1)


class LocalBench:
    """One test's view of the suite's company."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.bare = LocalRuntime(layout, Settings.read(layout.state / "settings.json"))
        self.runtime: Runtime = Checked(self.bare)
        self.fence = Fence(epoch=next(_epochs), generation=1)
        self._artifact = Artifact(kind="tree", digest=Digest("sha256:0"), location="/artifacts/contract")
        self.settle(self._introduced)

    def _introduced(self) -> bool:
        self.introduce()
        return True

    def introduce(self) -> None:
        for ecosystem in Ecosystem:
            self.runtime.open(ecosystem, self.fence)
        self.runtime.introduce({ServiceName(name): ports for name, ports in PORTS.items()}, self.fence)

    def settle(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + WITHIN
        while True:
            with suppress(Unavailable):  # "observe and plan again"
                if condition():
                    return
            if time.monotonic() > end:
                raise AssertionError(f"did not come about within {WITHIN:.0f} s: {self._seen()}")
            time.sleep(0.05)

    def _seen(self) -> object:
        return {e: self.bare.observe(e) for e in Ecosystem}, self.bare.jobs()

    def healthy_workload(self, name: str, *, release: str = "r_000000000001", replicas: int = 1) -> Workload:
        return self.workload(key(name, release), "exec python3 main.py", replicas)

    def failing_workload(self) -> Workload:
        return self.workload(key("payments"), "echo this is broken >&2; exit 7", 1)

    def straying_workload(self) -> Workload:
        which = key("payments", ecosystem=Ecosystem.STAGING)
        return self.workload(which, "exec python3 main.py http://10.99.0.1:80/", 1)

    def workload(self, which: WorkloadKey, run: str, replicas: int) -> Workload:
        backend = Port(PORTS[which.service][which.ecosystem][1])
        return Workload(
            key=which,
            replicas=replicas,
            artifact=self._artifact,
            run=run,
            backend=backend,
            listens=None,
            health="/",
            drain=timedelta(seconds=1),
        )

    def job(self, exit_status: int) -> Job:
        return self.command(f"echo ends with {exit_status}; exit {exit_status}")

    def endless_job(self) -> Job:
        return self.command("exec sleep 3600")

    def command(self, command: str, *, limit: timedelta = timedelta(minutes=1)) -> Job:
        """A gate with any command."""
        number = next(_jobs)
        return Job(
            id=JobId(f"00000001.gate.unit.0.{number}"),
            kind=JobKind.GATE,
            name="unit",
            place=Place.WORKSHOP,
            rollout=RolloutId("00000001"),
            service=ServiceName("orders"),
            commit="c" * 40,
            round=0,
            attempt=number,
            command=command,
            limit=limit,
            source="orders-contract",
            artifact=self._artifact,
        )

    def request(self, service: str) -> None:
        port = PORTS[service][Ecosystem.PRODUCTION][0]
        with suppress(urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()

    def forgot(self, job: JobId) -> bool:
        """Of a deleted one: not even the memory of its deletion is left."""
        return not (self._layout.desired(Place.WORKSHOP) / "jobs" / f"{job}.record").exists()

    def over(self, job: JobId) -> bool:
        """Its wrapper was started and has ended, whether or not there was anything left to run."""
        self.runtime.jobs()  # which also starts what waits for its turn
        processes = Supervisor(self._layout.doors(Place.WORKSHOP) / "supervisor.sock").processes()
        found = processes.get(program_of_job(job))
        return found is not None and found.state == "EXITED"

    def clean(self) -> None:
        """Take away whatever the test put, by the runtime's own calls."""
        fence = replace(self.fence, epoch=self.fence.epoch + 9)

        def gone() -> bool:
            for ecosystem in Ecosystem:
                for service in PORTS:
                    self.bare.delete_route(ecosystem, ServiceName(service), fence)
                for which in self.bare.observe(ecosystem).workloads:
                    self.bare.delete_workload(which, fence)
            for job in self.bare.jobs():
                self.bare.delete_job(job, fence)
            return not self.bare.jobs() and not any(self.bare.observe(e).workloads for e in Ecosystem)

        self.settle(gone)


def _written(layout: Layout) -> None:
    """What a build would have left: an artifact, and a commit's export."""
    tree = layout.artifacts / "contract"
    tree.mkdir()
    (tree / "main.py").write_bytes(PROGRAM)
    (tree / "main.py").chmod(0o666)  # open to all: what keeps an instance from changing it is its mount alone
    tree.chmod(0o777)
    with tarfile.open(layout.exports / "orders-contract.tar", "w") as tar:
        info = tarfile.TarInfo("main.py")
        info.size = len(PROGRAM)
        tar.addfile(info, BytesIO(PROGRAM))
    (layout.exports / "orders-contract.tar").chmod(0o644)


@contextmanager
def company() -> Iterator[Layout]:
    """The sandboxes of a company without its controller, for as long as the suite needs them."""
    root = Path(tempfile.mkdtemp(prefix="tsc-", dir="/tmp"))
    before = os.environ.get("TWINSTAGE_ROOT")
    os.environ["TWINSTAGE_ROOT"] = str(root)
    layout = Layout.on_host(Places.of(NAME))
    try:
        host.make_ready(NAME, layout, ("production", "staging", "workshop", "edge"))
        _written(layout)
        yield layout
    finally:
        host.down(NAME)
        left = _left(root)
        shutil.rmtree(root)
        if before is None:
            del os.environ["TWINSTAGE_ROOT"]
        else:
            os.environ["TWINSTAGE_ROOT"] = before
    assert not left, f"`down` left {left}"


def _left(root: Path) -> list[str]:
    """Sockets, and processes that still see anything of the company: none of theirs names it in its words alone."""
    found = [str(path) for path in (root / "run").rglob("*")]
    for process in psutil.process_iter(["pid", "cmdline"]):
        with suppress(OSError):
            if str(root) in Path(f"/proc/{process.pid}/mountinfo").read_text():
                found.append(f"{process.pid}: {' '.join(process.info['cmdline'] or [])}")
    return found
