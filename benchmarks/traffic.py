"""What a frontend port costs: requests a second and p99, as ratios of one run.

A frontend with caller and callee in their sandboxes, against one hand-written static Envoy on loopback with the same upstream
(it checks no caller and writes no access log), and the upstream alone; through the edge beside it. Rounds are interleaved,
so that whatever else the machine does meets every target alike; each ratio is the median over the rounds.

    uv run python benchmarks/traffic.py [--rounds N] [--seconds S] [--connections N]
"""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandboxed import FRONTEND, Sandboxed, sandboxed

from twinstage.model.names import Ecosystem, Port, ReleaseId, ServiceName
from twinstage.model.workload import Route, WorkloadKey
from twinstage.runtime.local.envoy import binary, clusters, discovery, endpoints, listeners, routes
from twinstage.runtime.local.envoy.admin import Admin
from twinstage.runtime.local.envoy.bootstrap import bootstrap, command

LOAD = Path(__file__).with_name("load.py")
WORKERS = 2
"""Of every Envoy that is compared."""
STATIC = """
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: %(port)d}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: static
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: upstream}}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: upstream
    type: STATIC
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %(upstream)d}}}
"""


@dataclass(frozen=True, kw_only=True)
class Load:
    """How hard each target is asked, each time."""

    seconds: float
    connections: int

    def client(self, url: str, python: str = sys.executable, script: str = str(LOAD)) -> list[str]:
        """The command that asks this url, to be run where the caller is: here or in an instance's sandbox."""
        return [python, script, "client", url, str(self.seconds), str(self.connections)]


@dataclass(frozen=True, kw_only=True)
class Measured:
    rate: float
    """Requests a second."""
    p99: float
    """Milliseconds."""
    errors: int

    @staticmethod
    def read(printed: str) -> "Measured":
        """From what the client prints."""
        found = json.loads(printed)
        return Measured(rate=found["rate"], p99=found["p99"], errors=int(found["errors"]))


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that can be asked. ``ask`` runs the client once, wherever it has to run."""

    name: str
    ask: Callable[[Load], Measured]


def here(name: str, url: str) -> Target:
    """A target whose caller is an ordinary process of this machine."""

    def ask(load: Load) -> Measured:
        done = subprocess.run(load.client(url), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"cannot load {url}: {done.stderr.strip()}")
        return Measured.read(done.stdout)

    return Target(name=name, ask=ask)


def inside(name: str, boxes: Sandboxed) -> Target:
    """A target whose caller is in a sandbox of the ecosystem, and calls by the URL it is given."""

    def ask(load: Load) -> Measured:
        client = f"python3 /artifacts/bench/{LOAD.name} client $TWINSTAGE_URL {load.seconds} {load.connections}"
        return Measured.read(boxes.call(client).splitlines()[-1])

    return Target(name=name, ask=ask)


def machine() -> str:
    """What it was measured on."""
    model = next(
        (x.partition(": ")[2] for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), ""
    )
    return f"{os.cpu_count()} cores ({model.strip()}), {platform.system()} {platform.release()}, Envoy with {WORKERS} workers"


def compare(targets: Sequence[Target], load: Load, rounds: int) -> Mapping[str, tuple[Measured, ...]]:
    """Each target once in each round, in turn."""
    found: dict[str, list[Measured]] = {target.name: [] for target in targets}
    for number in range(rounds):
        # The order turns, so that nobody is always the one after the same neighbour.
        turned = [*targets[number % len(targets) :], *targets[: number % len(targets)]]
        for target in turned:
            found[target.name].append(target.ask(load))
    return {name: tuple(measured) for name, measured in found.items()}


def table(found: Mapping[str, tuple[Measured, ...]], against: str) -> str:
    """Lines of: name, requests/s, p99, and the medians of both ratios to the one named."""
    lines = [f"{'':34}{'requests/s':>12}{'p99 ms':>10}{'rate':>9}{'p99':>8}   (ratios to {against})"]
    for name, measured in found.items():
        rate = statistics.median(m.rate for m in measured)
        p99 = statistics.median(m.p99 for m in measured)
        pairs = list(zip(measured, found[against], strict=True))
        rates = statistics.median(mine.rate / its.rate for mine, its in pairs)
        tails = statistics.median(mine.p99 / its.p99 for mine, its in pairs)
        errors = sum(m.errors for m in measured)
        remark = f"   {errors} errors" if errors else ""
        lines.append(f"{name:34}{rate:12,.0f}{p99:10.2f}{rates:9.2f}{tails:8.2f}{remark}")
    return "\n".join(lines)


@contextmanager
def running(arguments: Sequence[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    with log.open("a") as out:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=out, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def upstream(log: Path) -> Iterator[int]:
    """The tiny upstream on loopback; gives its port."""
    with running([sys.executable, str(LOAD), "upstream", "127.0.0.1", "0"], log) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextmanager
def static_envoy(directory: Path, port: int) -> Iterator[Target]:
    """What somebody would write by hand: one listener, one route, one cluster."""
    mine = _free_port()
    place = directory / "static.yaml"
    place.write_text(STATIC % {"port": mine, "upstream": port})
    with running(command(binary.path(), place, concurrency=WORKERS), directory / "static.log"):
        _until(lambda: _answers(mine), "the static Envoy answers")
        yield here("static Envoy on loopback", f"http://127.0.0.1:{mine}/")


@contextmanager
def frontend_envoy(directory: Path, port: int) -> Iterator[Target]:
    """A frontend's whole configuration (callers checked, access log, problem documents), still without sandboxes."""
    mine, xds = _free_port(), directory / "xds"
    xds.mkdir()
    service = ServiceName("upstream")
    key = WorkloadKey(
        ecosystem=Ecosystem.PRODUCTION, service=service, process="web", release=ReleaseId("r_1"), secrets=0
    )
    house = listeners.House(
        ecosystem=key.ecosystem,
        gateway="127.0.0.1",
        routes_dir=str(xds),
        edge_dir=str(directory),
        access_log=str(directory / "access.jsonl"),
    )
    route = Route(ecosystem=key.ecosystem, service=service, port=Port(mine), split=((key, 100),))
    socket_path = directory / "admin.sock"
    whole = bootstrap(node="frontend", admin_socket=str(socket_path), xds_dir=str(xds), concurrency=WORKERS)
    discovery.write(xds / "web.json", endpoints.endpoints("web", ["127.0.0.1"], Port(port)))
    discovery.write(xds / "cds.json", clusters.clusters([clusters.Target(name="web", health=None)], str(xds)))
    discovery.write(xds / "upstream.json", routes.route(route, lambda _: "web", ["127.0.0.1/32"], "1"))
    discovery.write(xds / "lds.json", listeners.listeners(house, [(service, Port(mine))]))
    discovery.write(directory / "frontend.json", whole)
    arguments = command(binary.path(), directory / "frontend.json", concurrency=WORKERS)
    with running(arguments, directory / "frontend.log"), Admin(socket_path) as admin:
        _until(lambda: admin.ready() and _answers(mine), "the frontend answers")
        yield here("frontend without sandboxes", f"http://127.0.0.1:{mine}/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _until(condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        os.sched_yield()


def main() -> None:
    parser = argparse.ArgumentParser(description="What a frontend port costs.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tw") as made, ExitStack() as stack:
        directory = Path(made)
        port = stack.enter_context(upstream(directory / "upstream.log"))
        static = stack.enter_context(static_envoy(directory, port))
        frontend = stack.enter_context(frontend_envoy(directory, port))
        boxes = stack.enter_context(sandboxed(LOAD))
        targets = [
            here("upstream alone", f"http://127.0.0.1:{port}/"),
            static,
            frontend,
            inside("frontend, caller and callee sealed", boxes),
            here("through the edge, from the host", f"http://127.0.0.1:{FRONTEND}/"),
        ]
        print(machine(), flush=True)
        load = Load(seconds=told.seconds, connections=told.connections)
        print(table(compare(targets, load, told.rounds), static.name))


if __name__ == "__main__":
    main()
