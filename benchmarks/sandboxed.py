"""A throw-away company without a controller, for benchmarks: caller and callee each in a sandbox, Envoy between them."""

import os
import shutil
import socket
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, islice
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
FENCE = Fence(epoch=1, generation=1)
T = TypeVar("T")
_jobs = count(1)


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """A company without a controller. ``tree``: where ARTIFACT stands on the host."""

    runtime: LocalRuntime
    tree: Path


ARTIFACT = Artifact(kind="tree", digest=Digest("sha256:0"), location="/artifacts/bench")


class Sandboxed:
    """One service in staging, and callers that are jobs of staging with a wire of their own."""

    def __init__(self, runtime: LocalRuntime, run: str, health: str) -> None:
        self.runtime = runtime
        self.frontend = free_frontends(1)[0]
        self._artifact, self._health = ARTIFACT, health
        self._up(run)

    def _up(self, run: str) -> None:
        staging = self.frontend, Port(self.frontend + 2000)
        production = Port(self.frontend - 4000), Port(self.frontend - 2000)
        ports = {Ecosystem.PRODUCTION: production, Ecosystem.STAGING: staging}
        for ecosystem in Ecosystem:
            self.runtime.open(ecosystem, FENCE)
        until(lambda: self.runtime.introduce({SERVICE: ports}, FENCE) is None, "the sentinel answers")
        key = WorkloadKey(
            ecosystem=Ecosystem.STAGING, service=SERVICE, process="web", release=ReleaseId("r_1"), secrets=1
        )
        workload = Workload(
            key=key,
            replicas=1,
            artifact=self._artifact,
            run=run,
            backend=staging[1],
            listens=None,
            health=self._health,
        )
        until(lambda: self.runtime.put_workload(workload, FENCE) is None, "the workload is put")
        until(lambda: self.runtime.observe(Ecosystem.STAGING).workloads[key].healthy == 1, "it is healthy")
        route = Route(ecosystem=Ecosystem.STAGING, service=SERVICE, port=self.frontend, split=((key, 100),))
        self.runtime.put_route(route, FENCE)
        until(lambda: self.runtime.observe(Ecosystem.STAGING).routes.get(SERVICE) == route, "it is routed to")

    def call(self, command: str, seconds: float) -> str:
        """Run a command in a sandbox of staging that may call the service; what it printed.

        ``seconds``: how long it works at least. So long nothing is asked: what asks would take part of the machine.
        """
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
        time.sleep(seconds)
        ended = until(
            lambda: j if (j := self.runtime.jobs()[job.id]).result else None, "the caller ends", 150, every=0.25
        )
        self.runtime.delete_job(job.id, FENCE)
        until(lambda: job.id not in self._settled(), "the caller is gone")
        if ended.result is not JobResult.SUCCEEDED:
            raise RuntimeError(f"the caller {ended.result}: {ended.log_end}")
        return ended.log_end

    def _settled(self) -> set[JobId]:
        self.runtime.observe(Ecosystem.STAGING)
        return set(self.runtime.jobs())


def free_frontends(count: int) -> list[Port]:
    """Ports of staging whose counterparts in production are free on the host too: another company may run here."""
    free = (Port(n) for n in range(14999, 13999, -1) if all(_free(port) for port in (n, n - 4000)))
    found = list(islice(free, count))
    if len(found) < count:
        raise RuntimeError(
            f"cannot choose {count} frontend ports: too many of 14000 to 14999 are taken on this machine"
        )
    return found


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def until(true: Callable[[], T | None], what: str, within: float = 30.0, every: float = 0.02) -> T:
    """Wait for a condition, seconds at most; its value. What the platform did not answer is asked again."""
    end = time.monotonic() + within
    while True:
        with suppress(Unavailable):
            if value := true():
                return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within:.0f} s: {what}")
        time.sleep(every)


@contextmanager
def company(program: Path) -> Iterator[Grounds]:
    """Sandboxes, proxies and edge without a controller; the program is an artifact. Nothing is left behind."""
    root = Path(tempfile.mkdtemp(prefix="tsb-", dir="/tmp"))
    os.environ["TWINSTAGE_ROOT"] = str(root)
    layout = Layout.on_host(Places.of(NAME))
    try:
        host.make_ready(NAME, layout, ("production", "staging", "workshop", "edge"))
        tree = layout.artifacts / "bench"
        tree.mkdir(mode=0o755)
        shutil.copy(program, tree / program.name)
        with tarfile.open(layout.exports / "bench.tar", "w"):
            pass  # a caller needs no files of its own
        (layout.exports / "bench.tar").chmod(0o644)
        runtime = LocalRuntime(layout, Settings.read(layout.state / "settings.json"), lambda *_: {})
        yield Grounds(runtime=runtime, tree=tree)
    finally:
        host.down(NAME)
        shutil.rmtree(root)
        del os.environ["TWINSTAGE_ROOT"]


@contextmanager
def sandboxed(program: Path, run: str = "", health: str = "/", more: Path | None = None) -> Iterator[Sandboxed]:
    """Up, and nothing left behind. ``run``: the service's command, the program as an upstream unless told; ``more``: a tree of
    modules that it needs, at ``site`` of its artifact."""
    with company(program) as grounds:
        if more is not None:
            shutil.copytree(more, grounds.tree / "site")
        yield Sandboxed(grounds.runtime, run or f"exec python3 {program.name} upstream", health)
