"""What a frontend port costs: requests a second and p99, as ratios of one run.

Caller and callee as instances of production, against one hand-written static Envoy on loopback with the same upstream (it
checks no caller and writes no access log), and the upstream alone; through the edge beside it. Rounds are interleaved, so that
whatever else the machine does meets every target alike; each ratio is the median over the rounds, with its spread. They are
short and many: each makes its connections anew, and which of the proxy's workers has them decides much of a round.

Caller, proxy and callee each have a session of their own, as daemons have: Linux shares out processors by session
(autogroup). In one session the same static Envoy gets more or less done: shown too.

    .venv/bin/python benchmarks/traffic.py [--rounds N] [--seconds S] [--connections N]

It needs what `twinstage up` needs, brings up a company of its own in /tmp/tsb-*, takes about three minutes and leaves nothing.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from sandboxed import LOAD, Sandboxed, sandboxed, until

from twinstage.model.names import Ecosystem, Port, ReleaseId, ServiceName
from twinstage.model.workload import Route, WorkloadKey
from twinstage.runtime.local.envoy import binary, clusters, discovery, endpoints, listeners, routes
from twinstage.runtime.local.envoy.admin import Admin
from twinstage.runtime.local.envoy.bootstrap import asking, bootstrap, command

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


@dataclass(frozen=True, kw_only=True)
class Measured:
    rate: float
    """Requests a second."""
    p99: float
    """Milliseconds."""
    errors: int

    @staticmethod
    def read(printed: str) -> "Measured":
        """From what `load.py caller` answers."""
        found = json.loads(printed)
        return Measured(rate=found["rate"], p99=found["p99"], errors=int(found["errors"]))


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that is asked by a caller of its own (`load.py caller`), which is told to on this port of the machine."""

    name: str
    caller: int
    path: str = "/"

    def ask(self, load: Load) -> Measured:
        """Meanwhile nothing else is done: it would take part of the machine. Raises OSError when the caller does not answer."""
        url = f"http://127.0.0.1:{self.caller}{self.path}?{load.seconds:g},{load.connections}"
        with urlopen(url, timeout=load.seconds + 10) as answer:
            return Measured.read(answer.read().decode())


@contextmanager
def here(name: str, port: int, log: Path, path: str = "/", *, apart: bool = True) -> Iterator[Target]:
    """A target on a port of this machine whose caller is an ordinary process. ``apart``: in a session of its own."""
    mine = free_port()
    told = ["env", "HOST=127.0.0.1", f"PORT={mine}", sys.executable, str(LOAD)]
    with running([*told, "caller", f"http://127.0.0.1:{port}"], log, apart=apart):
        until(lambda: answers(mine), "the caller answers")
        yield Target(name=name, caller=mine, path=path)


def inside(name: str, boxes: Sandboxed, path: str = "/") -> Target:
    """A target whose caller is an instance of production, and calls by the URL it is given."""
    return Target(name=name, caller=boxes.caller, path=path)


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
    """Lines of: name, requests/s, p99 in milliseconds, and both ratios to the one named: median and spread of the rounds."""
    lines = [f"{'':36}{'requests/s':>11}{'p99 ms':>8}   {'rate':<19}p99     (ratios to: {against})"]
    for name, measured in found.items():
        rate = statistics.median(m.rate for m in measured)
        p99 = statistics.median(m.p99 for m in measured)
        pairs = list(zip(measured, found[against], strict=True))
        rates = spread([mine.rate / its.rate for mine, its in pairs])
        tails = spread([mine.p99 / its.p99 for mine, its in pairs])
        errors = sum(m.errors for m in measured)
        remark = f"   {errors} errors" if errors else ""
        lines.append(f"{name:36}{rate:11,.0f}{p99:8.2f}   {rates:<19}{tails}{remark}")
    return "\n".join(lines)


def spread(ratios: Sequence[float]) -> str:
    """Median (least to most)."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


@contextmanager
def running(arguments: Sequence[str], log: Path, *, apart: bool = True) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block. ``apart``: in a session of its own."""
    with log.open("a") as out:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=out, text=True, start_new_session=apart)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def upstream(log: Path, *, apart: bool = True) -> Iterator[int]:
    """The tiny upstream on loopback; gives its port."""
    with running([sys.executable, str(LOAD), "upstream", "127.0.0.1", "0"], log, apart=apart) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextmanager
def static_envoy(name: str, directory: Path, port: int, *, apart: bool = True) -> Iterator[Target]:
    """What somebody would write by hand: one listener, one route, one cluster."""
    mine = free_port()
    place = directory / f"static.{mine}.yaml"
    place.write_text(STATIC % {"port": mine, "upstream": port})
    with ExitStack() as stack:
        told = command(binary.path(), place, concurrency=WORKERS)
        stack.enter_context(running(told, directory / "static.log", apart=apart))
        until(lambda: answers(mine), "the static Envoy answers")
        yield stack.enter_context(here(name, mine, directory / "caller.log", apart=apart))


@contextmanager
def frontend_envoy(directory: Path, port: int, path: str = "/") -> Iterator[Target]:
    """A frontend's whole configuration (callers checked, access log, problem documents), still without sandboxes."""
    mine, xds, door = free_port(), directory / "xds", directory / "discovery.sock"
    for below in ("", "rds", "eds", "ecds"):
        (xds / below).mkdir()
    service = ServiceName("upstream")
    key = WorkloadKey(
        ecosystem=Ecosystem.PRODUCTION, service=service, process="web", release=ReleaseId("r_1"), secrets=0
    )
    house = listeners.House(
        ecosystem=key.ecosystem,
        gateway="127.0.0.1",
        edge_dir=str(directory),
        access_log=str(directory / "access.jsonl"),
    )
    route = Route(ecosystem=key.ecosystem, service=service, port=Port(mine), split=((key, 100),))
    socket_path = directory / "admin.sock"
    whole = bootstrap(node="frontend", admin_socket=str(socket_path), concurrency=WORKERS, **asking(str(door)))
    discovery.write(xds / "eds" / "web.json", endpoints.endpoints("web", ["127.0.0.1"], Port(port)))
    discovery.write(xds / "cds.json", clusters.clusters([clusters.Target(name="web", health=None)]))
    discovery.write(xds / "rds" / "upstream.json", routes.route(route, lambda _: "web", ["127.0.0.1/32"], "1"))
    discovery.write(xds / "lds.json", listeners.listeners(house, [(service, Port(mine))]))
    discovery.write(directory / "frontend.json", whole)
    arguments = command(binary.path(), directory / "frontend.json", concurrency=WORKERS)
    reader = [sys.executable, "-m", "twinstage.inside.discovery", "--files", str(xds), "--socket", str(door)]
    with (
        running(reader, directory / "discovery.log"),
        running(arguments, directory / "frontend.log"),
        Admin(socket_path) as admin,
    ):
        until(lambda: admin.ready() and answers(mine), "the frontend answers")
        with here("our configuration, no sandboxes", mine, directory / "caller.log", path) as target:
            yield target


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description="What a frontend port costs.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each target in each round")
    parser.add_argument("--connections", type=int, default=16)
    told = parser.parse_args()
    load = Load(seconds=told.seconds, connections=told.connections)
    with tempfile.TemporaryDirectory(prefix="tw") as made, ExitStack() as stack:
        directory = Path(made)
        port = stack.enter_context(upstream(directory / "upstream.log"))
        static = stack.enter_context(static_envoy("static Envoy on loopback", directory, port))
        near = stack.enter_context(upstream(directory / "upstream.log", apart=False))
        together = stack.enter_context(static_envoy("the same, all in one session", directory, near, apart=False))
        frontend = stack.enter_context(frontend_envoy(directory, port))
        boxes = stack.enter_context(sandboxed())
        targets = [
            stack.enter_context(here("upstream alone", port, directory / "caller.log")),
            static,
            together,
            frontend,
            inside("frontend, caller and callee sealed", boxes),
            stack.enter_context(here("through the edge, from the host", boxes.upstream, directory / "caller.log")),
        ]
        print(f"{machine()}; load average {os.getloadavg()[0]:.1f}")
        print(
            f"{load.connections} connections, closed loop; {told.rounds} rounds of {load.seconds:g} s for each target"
        )
        print(
            "client and upstream: benchmarks/load.py; the static Envoy checks no caller and logs no access", flush=True
        )
        print(table(compare(targets, load, told.rounds), static.name))


if __name__ == "__main__":
    main()
