"""A throw-away company without a controller, for benchmarks: caller and callee each an instance, Envoy between them."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from twinstage.model.names import Digest, Ecosystem, Port, ReleaseId, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.local import host
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.local import LocalRuntime
from twinstage.runtime.local.places import Places
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.runtime import Fence, Unavailable

NAME = "bench"
SERVICE, CALLER = ServiceName("upstream"), ServiceName("caller")
LOAD = Path(__file__).with_name("load.py")
FENCE = Fence(epoch=1, generation=1)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """A company without a controller. ``tree``: where ARTIFACT stands on the host."""

    runtime: LocalRuntime
    tree: Path


ARTIFACT = Artifact(kind="tree", digest=Digest("sha256:0"), location="/artifacts/bench")


class Sandboxed:
    """Two services in production, one of which calls the other. ``upstream``, ``caller``: their ports on the host; the caller is
    `load.py caller`.

    Production's, since a lower priority is staging's by policy and no wall: `gives.py`.
    """

    def __init__(self, runtime: LocalRuntime, run: str, health: str) -> None:
        self._runtime = runtime
        frontends = dict(zip((SERVICE, CALLER), free_frontends(2), strict=True))
        # Names are those of staging's frontends; each has four ports, the same way apart.
        ports = {
            service: {
                Ecosystem.PRODUCTION: (Port(port - 4000), Port(port - 2000)),
                Ecosystem.STAGING: (port, Port(port + 2000)),
            }
            for service, port in frontends.items()
        }
        for ecosystem in Ecosystem:
            runtime.open(ecosystem, FENCE)
        until(lambda: runtime.introduce(ports, FENCE) is None, "the sentinel answers")
        self.upstream = self._serve(SERVICE, ports[SERVICE][Ecosystem.PRODUCTION], run, health)
        calling = f"exec python3 {LOAD.name} caller $UPSTREAM_URL"
        self.caller = self._serve(CALLER, ports[CALLER][Ecosystem.PRODUCTION], calling, "/", (SERVICE,))

    def _serve(
        self, service: ServiceName, ports: tuple[Port, Port], run: str, health: str, calls: tuple[ServiceName, ...] = ()
    ) -> Port:
        frontend, backend = ports
        production = Ecosystem.PRODUCTION
        key = WorkloadKey(ecosystem=production, service=service, process="web", release=ReleaseId("r_1"), secrets=1)
        workload = Workload(
            key=key,
            replicas=1,
            artifact=ARTIFACT,
            run=run,
            backend=backend,
            listens=None,
            health=health,
            calls=calls,
        )
        until(lambda: self._runtime.put_workload(workload, FENCE) is None, "the workload is put")
        until(lambda: self._runtime.observe(production).workloads[key].healthy == 1, "it is healthy")
        route = Route(ecosystem=production, service=service, port=frontend, split=((key, 100),))
        self._runtime.put_route(route, FENCE)
        until(lambda: self._runtime.observe(production).routes.get(service) == route, "it is routed to")
        return frontend


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
        runtime = LocalRuntime(layout, Settings.read(layout.state / "settings.json"), lambda *_: {})
        yield Grounds(runtime=runtime, tree=tree)
    finally:
        host.down(NAME)
        shutil.rmtree(root)
        del os.environ["TWINSTAGE_ROOT"]


@contextmanager
def sandboxed(run: str = "", health: str = "/", more: Path | None = None) -> Iterator[Sandboxed]:
    """Up, and nothing left behind. ``run``: the upstream's command, the trivial one unless told; ``more``: a tree of modules
    that it needs, at ``site`` of its artifact."""
    with company(LOAD) as grounds:
        if more is not None:
            shutil.copytree(more, grounds.tree / "site")
        yield Sandboxed(grounds.runtime, run or f"exec python3 {LOAD.name} upstream", health)
