"""From a decided share to the first request that follows it, in a company of 1, 10 and 100 services.

The real local runtime with every service's instance in its sandbox; one service has two releases, and its share goes to and
fro between them. The clock starts before the runtime is told and stops when the first answer of the other release arrives at a
client that asks without pause, through the edge. Beside it, in the same rounds: the same for a hand-written Envoy that follows
its route file by itself, with nothing else to do.

    .venv/bin/python benchmarks/propagation.py [--services 1 10 100] [--rounds N]
"""

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandboxed import ARTIFACT, FENCE, company, free_frontends, until
from traffic import WORKERS, answers, free_port, machine, running

from twinstage.model.names import Ecosystem, Port, ReleaseId, ServiceName
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.local.envoy import binary, discovery
from twinstage.runtime.local.envoy.bootstrap import command
from twinstage.runtime.local.local import LocalRuntime

STAGING = Ecosystem.STAGING
LOAD = Path(__file__).with_name("load.py")


class Caller:
    """One connection of the host that asks who answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def who(self) -> str:
        """The header that tells the release; empty where the answer has none. A lost connection is made anew."""
        try:
            self._connection.request("GET", "/")
            answer = self._connection.getresponse()
            answer.read()
        except (ConnectionError, http.client.HTTPException):
            self._connection.close()
            return ""
        return answer.getheader("x-release", "")


@dataclass(frozen=True, kw_only=True)
class Frontend:
    """Something whose traffic can be turned from one release to another."""

    name: str
    caller: Caller
    turn: Callable[[str], None]
    """To this release; returns once it is told."""

    def seconds(self, release: str) -> float:
        began = time.perf_counter()
        self.turn(release)
        while self.caller.who() != release:
            pass
        return time.perf_counter() - began


def key(service: str, release: str) -> WorkloadKey:
    return WorkloadKey(
        ecosystem=STAGING, service=ServiceName(service), process="web", release=ReleaseId(release), secrets=1
    )


def workload(service: str, release: str, frontend: Port) -> Workload:
    """The tiny upstream, saying which release it is."""
    return Workload(
        key=key(service, release),
        replicas=1,
        artifact=ARTIFACT,
        run=f"exec python3 {LOAD.name} upstream $HOST $PORT {release}",
        backend=Port(frontend + 2000),
        listens=None,
        health="/",
    )


@contextmanager
def twinstage(runtime: LocalRuntime, services: int) -> Iterator[Frontend]:
    """A company of so many services, all answering; the first has two releases."""
    frontends = free_frontends(services)
    ports = {
        ServiceName(f"s{n}"): {
            Ecosystem.STAGING: (int(port), int(port) + 2000),
            Ecosystem.PRODUCTION: (int(port) - 4000, int(port) - 2000),
        }
        for n, port in enumerate(frontends)
    }
    for ecosystem in Ecosystem:
        runtime.open(ecosystem, FENCE)
    until(lambda: runtime.introduce(ports, FENCE) is None, "the services are introduced")
    for n, port in enumerate(frontends):
        for release in ("one", "two") if n == 0 else ("one",):
            put = workload(f"s{n}", release, port)
            until(lambda put=put: runtime.put_workload(put, FENCE) is None, "the workload is put")
        runtime.put_route(route(f"s{n}", "one", port), FENCE)
    until(lambda: _all_well(runtime, services + 1), "all are healthy and routed to", 300)

    def turn(release: str) -> None:
        runtime.put_route(route("s0", release, frontends[0]), FENCE)

    yield Frontend(name=f"twinstage, {services} services", caller=Caller(frontends[0]), turn=turn)


def route(service: str, release: str, port: Port) -> Route:
    return Route(ecosystem=STAGING, service=ServiceName(service), port=port, split=((key(service, release), 100),))


def _all_well(runtime: LocalRuntime, workloads: int) -> bool:
    seen = runtime.observe(STAGING)
    return len(seen.routes) == workloads - 1 and sum(w.healthy for w in seen.workloads.values()) == workloads


HAND_WRITTEN = """\
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
node: {id: static, cluster: static}
static_resources:
  clusters:
%(clusters)s
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: %(port)d}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          rds: {route_config_name: web, config_source: {path_config_source: {path: %(rds)s}, resource_api_version: V3}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"""
CLUSTER = """\
  - name: %s
    type: STATIC
    load_assignment: {cluster_name: %s, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}}]}]}
"""  # noqa: E501


@contextmanager
def hand_written(directory: Path) -> Iterator[Frontend]:
    """One Envoy on loopback that follows one route file."""
    mine, rds = free_port(), directory / "rds.json"
    with ExitStack() as stack:
        clusters = ""
        for release in ("one", "two"):
            upstream = [sys.executable, str(LOAD), "upstream", "127.0.0.1", "0", release]
            process = stack.enter_context(running(upstream, directory / "upstream.log"))
            assert process.stdout is not None
            clusters += CLUSTER % (release, release, int(process.stdout.readline()))

        def turn(release: str) -> None:
            to = {"prefix": "/"}, {"cluster": release}
            host = {"name": "web", "domains": ["*"], "routes": [{"match": to[0], "route": to[1]}]}
            kind = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
            configuration = {"@type": kind, "name": "web", "virtual_hosts": [host]}
            discovery.write(rds, discovery.response([configuration]))

        turn("one")
        place = directory / "static.yaml"
        place.write_text(HAND_WRITTEN % {"clusters": clusters, "port": mine, "rds": rds})
        arguments = command(binary.path(), place, concurrency=WORKERS)
        stack.enter_context(running(arguments, directory / "envoy.log"))
        until(lambda: answers(mine), "the hand-written Envoy answers")
        yield Frontend(name="an Envoy by hand, 1 service", caller=Caller(mine), turn=turn)


def compare(frontends: Sequence[Frontend], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, one after the other, so that whatever else the machine does meets both alike."""
    found: dict[str, list[float]] = {frontend.name: [] for frontend in frontends}
    for turn in range(rounds):
        for frontend in frontends:
            took = frontend.seconds("two" if turn % 2 == 0 else "one")
            found[frontend.name].append(took)
            time.sleep(
                0.1
            )  # Envoy asks for the next change a moment after the last: changes of a share are seconds apart
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="From a decided share to the first request that follows it.")
    parser.add_argument("--services", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--rounds", type=int, default=40)
    told = parser.parse_args()
    print(machine(), flush=True)
    print(f"{'':32}{'median':>10}{'p90':>10}{'most':>10}{'ratio of medians':>20}")
    for services in told.services:
        with tempfile.TemporaryDirectory(prefix="tw") as made, company(LOAD) as grounds, ExitStack() as stack:
            by_hand = stack.enter_context(hand_written(Path(made)))
            ours = stack.enter_context(twinstage(grounds.runtime, services))
            found = compare([by_hand, ours], told.rounds)
        reference = statistics.median(found[by_hand.name])
        for name, took in found.items():
            median, ninth = statistics.median(took), statistics.quantiles(took, n=10)[-1]
            figures = "".join(f"{seconds * 1e3:>7.2f} ms" for seconds in (median, ninth, max(took)))
            print(f"{name:32}{figures}{median / reference:>20.1f}", flush=True)


if __name__ == "__main__":
    main()
