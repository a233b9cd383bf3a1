"""One real Envoy as a plain process, its files, and a client that calls from any loopback address."""

import http.client
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinstage.model.names import Ecosystem, Port, ReleaseId, ServiceName
from twinstage.model.workload import Route, WorkloadKey
from twinstage.runtime.local.envoy import binary, database, routes
from twinstage.runtime.local.envoy.admin import Admin
from twinstage.runtime.local.envoy.bootstrap import asking, bootstrap, command, descriptors, following
from twinstage.runtime.local.envoy.clusters import Target, clusters
from twinstage.runtime.local.envoy.discovery import write
from twinstage.runtime.local.envoy.endpoints import endpoints
from twinstage.runtime.local.envoy.listeners import House, listeners

CONNECTIONS = 200
ORDERS = ServiceName("orders")


def free_port() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Waits until the condition is true; it is asked again and again and fails the test after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.002)  # a look that never rests takes the processor from the proxy


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    port: int,
    path: str = "/",
    *,
    headers: Mapping[str, str] | None = None,
    source: str = "127.0.0.1",
    method: str = "GET",
    timeout: float = 30.0,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout, source_address=(source, 0))
    try:
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        body = response.read().decode()
        return Answer(response.status, body, {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


def tally(port: int, count: int, *, headers: Mapping[str, str] | None = None) -> Counter[str]:
    """How often each body answered ``count`` requests over one connection."""
    bodies: Counter[str] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for _ in range(count):
            connection.request("GET", "/", headers=dict(headers or {}))
            response = connection.getresponse()
            bodies[response.read().decode()] += 1
    finally:
        connection.close()
    return bodies


class Call(threading.Thread):
    """A request under way in the background; ``result`` waits for its answer."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(name=f"call {path}")
        self._port, self._path = port, path
        self._answer: Answer | None = None
        self.start()

    def run(self) -> None:
        self._answer = call(self._port, self._path)

    def result(self) -> Answer:
        self.join(30)
        assert self._answer is not None, f"{self._path} was not answered"
        return self._answer


def key(release: str, ecosystem: Ecosystem = Ecosystem.PRODUCTION) -> WorkloadKey:
    return WorkloadKey(ecosystem=ecosystem, service=ORDERS, process="web", release=ReleaseId(release), secrets=0)


def name(key: WorkloadKey) -> str:
    return f"{key.service}.{key.process}.{key.release}.{key.secrets}.{key.data}"


class Process:
    """An Envoy that runs until ``stop``."""

    def __init__(self, directory: Path, node: str, *, asks: bool = False) -> None:
        """``asks``: has a discovery server of its own, like an ecosystem's; otherwise follows files, like the edge."""
        self.asks = asks
        self.directory = directory
        self.socket = directory / f"{node}.sock"
        self.xds = directory / node
        self.xds.mkdir(exist_ok=True)
        self.node = node
        self.admin = Admin(self.socket)
        self._process: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def door(self) -> Path:
        return self.directory / f"{self.node}.discovery"

    def serve(self) -> None:
        """Start the discovery server, unless it runs."""
        if self._server is None:
            command = [sys.executable, "-m", "twinstage.inside.discovery", "--files", str(self.xds)]
            command += ["--socket", str(self.door)]
            with self.log.open("ab") as out:
                self._server = subprocess.Popen(command, stdout=out, stderr=out)

    def silence(self) -> None:
        """Kill the discovery server."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(30)
            self._server = None

    def start(self, *, wait: bool = True) -> None:
        place = self.directory / f"{self.node}.json"
        sources = asking(str(self.door)) if self.asks else following(str(self.xds))
        if self.asks:
            self.serve()
        document = bootstrap(
            node=self.node, admin_socket=str(self.socket), concurrency=1, connections=CONNECTIONS, **sources
        )
        write(place, document)
        limit = descriptors(CONNECTIONS)
        arguments = command(binary.path(), place, concurrency=1, flush_milliseconds=20)
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                arguments,
                stdout=out,
                stderr=out,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
            )
        if wait:
            eventually(self.up, f"{self.node} is ready; its log: {self.log.read_text()}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.directory / f"{self.node}.log"

    def up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.node} ended: {self.log.read_text()}"
        return self.socket.exists() and self.admin.ready()

    def close(self) -> None:
        self.stop()
        self.silence()
        self.admin.close()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(30)
            self._process = None


@dataclass
class Proxy:
    """An ecosystem's Envoy with the one service ``orders``, and the files a runtime would write."""

    directory: Path
    ecosystem: Ecosystem = Ecosystem.PRODUCTION
    port: int = field(default_factory=free_port)
    targets: dict[str, Target] = field(default_factory=dict)
    versions: int = 0
    database: int = 0
    """The port of the gateway; 0: there is no database server."""
    server: int = 0
    apart: tuple[str, ...] = ()
    """Ranges whose connections to the database are counted apart."""

    def __post_init__(self) -> None:
        self.process = Process(self.directory, str(self.ecosystem), asks=True)
        for part in ("eds", "rds", "ecds", "edge"):
            (self.process.xds / part).mkdir()
        self._write_clusters()
        self.house = House(
            ecosystem=self.ecosystem,
            gateway="127.0.0.1",
            edge_dir=str(self.process.xds / "edge"),
            access_log=str(self.directory / f"{self.ecosystem}-access.jsonl"),
            most=CONNECTIONS // 2,
        )

    @property
    def admin(self) -> Admin:
        return self.process.admin

    def put_listeners(self) -> None:
        others = [database.listener("127.0.0.1", Port(self.database), self.apart)] if self.database else []
        write(self.process.xds / "lds.json", listeners(self.house, [(ORDERS, Port(self.port))], others=others))

    def put_database(self, server: int, admits: tuple[str, ...]) -> None:
        """A port for the server at 127.0.0.1:``server``, for those callers."""
        self.database, self.server = self.database or free_port(), server
        self.put_callers(admits)
        self._write_clusters()

    def put_callers(self, admits: tuple[str, ...]) -> None:
        write(self.callers_file, database.callers(admits))

    @property
    def callers_file(self) -> Path:
        return self.process.xds / "ecds" / "database.json"

    def put_endpoints(self, release: str, addresses: Iterable[tuple[str, int]]) -> None:
        """All addresses of one workload share a port, as in the product."""
        whole = list(addresses)
        port = whole[0][1] if whole else 1
        cluster = self.cluster(release)
        write(self.process.xds / "eds" / f"{cluster}.json", endpoints(cluster, [a for a, _ in whole], Port(port)))

    def put_workload(
        self, release: str, addresses: Iterable[tuple[str, int]], *, health: str | None = "/healthz"
    ) -> None:
        self.put_endpoints(release, addresses)
        self.targets[release] = Target(name=self.cluster(release), health=health)
        self._write_clusters()

    def delete_workload(self, release: str) -> None:
        del self.targets[release]
        self._write_clusters()

    def _write_clusters(self) -> None:
        others = [database.cluster("127.0.0.1", self.server)] if self.server else []
        document = clusters(self.targets.values(), others=others)
        write(self.process.xds / "cds.json", document)

    def put_route(
        self,
        split: Mapping[str, int],
        lanes: Mapping[str, str] | None = None,
        admits: tuple[str, ...] = ("127.0.0.0/8",),
    ) -> str:
        """Writes the route and gives its version, which nothing has accepted yet."""
        self.versions += 1
        version = f"v{self.versions}"
        document = routes.route(self.route(split, lanes or {}), name, admits, version)
        write(self.process.xds / "rds" / f"{ORDERS}.json", document)
        return version

    def route(self, split: Mapping[str, int], lanes: Mapping[str, str]) -> Route:
        return Route(
            ecosystem=self.ecosystem,
            service=ORDERS,
            port=Port(self.port),
            split=tuple((key(release, self.ecosystem), share) for release, share in split.items()),
            lanes=tuple((lane, key(release, self.ecosystem)) for lane, release in lanes.items()),  # type: ignore[misc]
        )

    def routed(self, version: str) -> None:
        eventually(lambda: self.admin.figures().versions.routes.get(ORDERS) == version, f"route {version} is in force")

    def cluster(self, release: str) -> str:
        return name(key(release, self.ecosystem))

    def healthy(self, release: str) -> set[str]:
        return {address for address, seen in self.admin.health().get(self.cluster(release), {}).items() if seen.healthy}

    def until_healthy(self, release: str, count: int) -> None:
        eventually(lambda: len(self.healthy(release)) == count, f"{count} healthy of {release}")

    def start(self, split: Mapping[str, int], lanes: Mapping[str, str] | None = None) -> None:
        """With one route in force and everything that was put before known."""
        version = self.put_route(split, lanes)
        self.put_listeners()
        self.process.start()
        self.routed(version)

    def log_lines(self) -> list[dict[str, Any]]:
        path = Path(self.house.access_log)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
