"""A throw-away company without a controller, for benchmarks: caller and callee each in a sandbox, Envoy between them."""

import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar

from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Digest, Ecosystem, JobId, LaneId, Place, Port, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.local import host
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.local import LocalRuntime
from twinstage.runtime.local.places import Places
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.runtime import Fence, Unavailable

NAME = "bench"
SERVICE = ServiceName("upstream")
FRONTEND, BACKEND = Port(14000), Port(16000)
FENCE = Fence(epoch=1, generation=1)
T = TypeVar("T")
_jobs = count(1)


class Sandboxed:
    """One service in staging, and callers that are jobs of staging with a wire of their own."""

    def __init__(self, layout: Layout, program: Path) -> None:
        self.runtime = LocalRuntime(layout, Settings.read(layout.state / "settings.json"))
        self._artifact = Artifact(kind="tree", digest=Digest("sha256:0"), location="/artifacts/bench")
        tree = layout.artifacts / "bench"
        tree.mkdir(mode=0o755)
        shutil.copy(program, tree / program.name)
        with tarfile.open(layout.exports / "bench.tar", "w"):
            pass  # a caller needs no files of its own
        (layout.exports / "bench.tar").chmod(0o644)
        self._up(f"exec python3 {program.name} upstream")

    def _up(self, run: str) -> None:
        ports = {Ecosystem.PRODUCTION: (10000, 12000), Ecosystem.STAGING: (FRONTEND, BACKEND)}
        for ecosystem in Ecosystem:
            self.runtime.open(ecosystem, FENCE)
        until(lambda: self.runtime.introduce({SERVICE: ports}, FENCE) is None, "the sentinel answers")
        key = WorkloadKey(
            ecosystem=Ecosystem.STAGING, service=SERVICE, process="web", release=ReleaseId("r_1"), secrets=1
        )
        workload = Workload(
            key=key, replicas=1, artifact=self._artifact, run=run, backend=BACKEND, listens=None, health="/"
        )
        until(lambda: self.runtime.put_workload(workload, FENCE) is None, "the workload is put")
        until(lambda: self.runtime.observe(Ecosystem.STAGING).workloads[key].healthy == 1, "it is healthy")
        route = Route(ecosystem=Ecosystem.STAGING, service=SERVICE, port=FRONTEND, split=((key, 100),))
        self.runtime.put_route(route, FENCE)
        until(lambda: self.runtime.observe(Ecosystem.STAGING).routes.get(SERVICE) == route, "it is routed to")

    def call(self, command: str) -> str:
        """Run a command in a sandbox of staging that may call the service; what it printed."""
        number = next(_jobs)
        job = Job(
            id=JobId(f"00000001.verify.verify.0.{number}"),
            kind=JobKind.VERIFY,
            name="verify",
            place=Place.STAGING,
            rollout=RolloutId("00000001"),
            service=SERVICE,
            commit="c" * 40,
            round=0,
            attempt=number,
            command=command,
            limit=timedelta(minutes=2),
            source="bench",
            artifact=self._artifact,
            lane=LaneId("00000000"),
            calls=(SERVICE,),
        )
        until(lambda: self.runtime.put_job(job, FENCE) is None, "the caller is put")
        ended = until(lambda: j if (j := self.runtime.jobs()[job.id]).result else None, "the caller ends", 150)
        self.runtime.delete_job(job.id, FENCE)
        until(lambda: job.id not in self._settled(), "the caller is gone")
        if ended.result is not JobResult.SUCCEEDED:
            raise RuntimeError(f"the caller {ended.result}: {ended.log_end}")
        return ended.log_end

    def _settled(self) -> set[JobId]:
        self.runtime.observe(Ecosystem.STAGING)
        return set(self.runtime.jobs())


def until(true: Callable[[], T], what: str, within: float = 30.0) -> T:
    """Wait for a condition; its value. What the platform did not answer is asked again."""
    end = time.monotonic() + within
    while True:
        with suppress(Unavailable):
            if value := true():
                return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within:.0f} s: {what}")
        time.sleep(0.02)


@contextmanager
def sandboxed(program: Path) -> Iterator[Sandboxed]:
    """Up, and nothing left behind."""
    root = Path(tempfile.mkdtemp(prefix="tsb-", dir="/tmp"))
    os.environ["TWINSTAGE_ROOT"] = str(root)
    layout = Layout.on_host(Places.of(NAME))
    try:
        host.make_ready(NAME, layout, ("production", "staging", "workshop", "edge"))
        yield Sandboxed(layout, program)
    finally:
        host.down(NAME)
        shutil.rmtree(root)
        del os.environ["TWINSTAGE_ROOT"]
