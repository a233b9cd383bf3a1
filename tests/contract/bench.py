"""What the contract suite needs of a runtime under test. A bench for another runtime is another class with these methods."""

import hashlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from twinstage.model.database import MAIN
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Digest, Ecosystem, JobId, Place, Port, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.seen import Health, WorkloadSeen
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.behaviour import Behaviour, Ending
from twinstage.runtime.checked import Checked
from twinstage.runtime.fake import FakeRuntime
from twinstage.runtime.runtime import Fence, Runtime
from twinstage.runtime.world import World

SERVICES = ("orders", "payments")


def _free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _ports() -> dict[str, dict[Ecosystem, tuple[int, int]]]:
    """Frontends that nobody has: companies that run here take theirs from the ranges' beginnings, and another run of this
    suite begins elsewhere."""
    begin = 500 + os.getpid() % 400
    offsets = [n for n in range(begin, 1000) if _free(10000 + n) and _free(14000 + n)]
    return {
        service: {Ecosystem.PRODUCTION: (10000 + n, 12000 + n), Ecosystem.STAGING: (14000 + n, 16000 + n)}
        for service, n in zip(SERVICES, offsets, strict=False)
    }


PORTS = _ports()


class Bench(Protocol):
    """One runtime with both ecosystems opened and the SERVICES introduced."""

    runtime: Runtime
    fence: Fence

    def introduce(self) -> None:
        """Open both ecosystems and tell the runtime of SERVICES, once more."""

    def settle(self, condition: Callable[[], bool]) -> None:
        """Let time pass until it holds; an AssertionError that says what is seen where it never does."""

    def healthy_workload(self, name: str, *, release: str = "r_000000000001", replicas: int = 1) -> Workload:
        """Of a SERVICE, in production: becomes healthy and answers 200."""

    def failing_workload(self) -> Workload:
        """Of ``payments``, in production: never becomes healthy, and the runtime can say why."""

    def ailing_workload(self) -> Workload:
        """Of ``payments``, in production: runs, answers its checks with 503, and the runtime says so."""

    def straying_workload(self) -> Workload:
        """Of ``payments``, in staging: healthy, and calls what it does not declare as soon as it runs."""

    def give(self, ecosystem: Ecosystem, service: str, number: int, values: Mapping[str, str]) -> None:
        """What the runtime finds as that service's secrets of that number."""

    def given(self, workload: Workload, name: str) -> str | None:
        """The digest of what a healthy instance of it has under that name: sha256, hex."""

    def secret_workload(self, number: int, *names: str) -> Workload:
        """Of ``orders``, in production, with secrets of that number: becomes healthy and answers 200."""

    def job(self, exit_status: int) -> Job:
        """In the workshop: ends soon with that status."""

    def endless_job(self) -> Job:
        """In the workshop: runs until it is stopped."""

    def data_job(self, kind: JobKind, *, data: str = MAIN, changes: str = "", exit_status: int = 0) -> Job:
        """On the database of ``orders`` in staging that is this bench's alone; a migration ``changes`` the schema by what
        it is told (a table of that name), and ends with that status."""

    def with_database(self) -> Workload:
        """Of ``orders``, in staging, on the same database: becomes healthy."""

    def request(self, service: str) -> None:
        """One request to production's frontend of a SERVICE; whatever it is answered."""

    def unanswered(self, service: str) -> AbstractContextManager[object]:
        """While it is open, production's only workload of a SERVICE is answering one request."""


def key(service: str, release: str = "r_000000000001", ecosystem: Ecosystem = Ecosystem.PRODUCTION) -> WorkloadKey:
    return WorkloadKey(
        ecosystem=ecosystem, service=ServiceName(service), process="web", release=ReleaseId(release), secrets=1
    )


def gate(number: int, command: str, source: str) -> Job:
    """A gate of ``orders`` with any command. ``number``: which of this suite's gates it is."""
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
        limit=timedelta(minutes=1),
        source=source,
    )


def about_data(job: Job, kind: JobKind, database: str, data: str) -> Job:
    """That job, as one on the database of ``orders`` in staging."""
    migrates = kind is JobKind.MIGRATE
    return replace(
        job,
        kind=kind,
        name=database if migrates else "databases",
        place=Place.STAGING,
        release=ReleaseId("r_000000000001"),
        command=job.command if migrates else "",
        source=job.source if migrates else "",
        artifact=job.artifact if migrates else None,
        databases=(database,),
        data=data,
    )


def route(service: str, *split: tuple[WorkloadKey, int], ecosystem: Ecosystem = Ecosystem.PRODUCTION) -> Route:
    port = Port(PORTS[service][ecosystem][0])
    return Route(ecosystem=ecosystem, service=ServiceName(service), port=port, split=tuple(sorted(split)))


def serve(bench: Bench, workload: Workload) -> None:
    """Put it, and when all of it is healthy its route, which has come into force when this returns."""
    which = workload.key
    bench.runtime.put_workload(workload, bench.fence)
    bench.settle(lambda: healthy(bench, which, workload.replicas))
    told = route(which.service, (which, 100), ecosystem=which.ecosystem)
    bench.runtime.put_route(told, bench.fence)
    bench.settle(lambda: bench.runtime.observe(which.ecosystem).routes.get(which.service) == told)


def seen(bench: Bench, which: WorkloadKey) -> WorkloadSeen | None:
    return bench.runtime.observe(which.ecosystem).workloads.get(which)


def healthy(bench: Bench, which: WorkloadKey, count: int = 1) -> bool:
    """Exactly that many instances, all of them healthy."""
    found = seen(bench, which)
    return found is not None and found.healthy == len(found.instances) == found.replicas == count


class FakeBench:
    """The runtime in memory. One settle step is one step of its world."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 12, tzinfo=UTC)
        self.world = World(self.now)
        self._secrets: dict[tuple[Ecosystem, str, int], Mapping[str, str]] = {}
        values = lambda eco, service, number: self._secrets.get((eco, service, number), {})  # noqa: E731
        self.runtime: Runtime = Checked(FakeRuntime(self.world, secrets=values))
        self.fence = Fence(epoch=1, generation=1)
        self._jobs = 0
        self.introduce()

    def introduce(self) -> None:
        for ecosystem in Ecosystem:
            self.runtime.open(ecosystem, self.fence)
        self.runtime.introduce({ServiceName(name): ports for name, ports in PORTS.items()}, self.fence)

    def settle(self, condition: Callable[[], bool]) -> None:
        for _ in range(50):
            if condition():
                return
            self.now += timedelta(seconds=1)
            self.world.step(self.now)
        raise AssertionError(f"never came about: {self.world.workloads} {self.world.accepted} {self.world.jobs}")

    def healthy_workload(self, name: str, *, release: str = "r_000000000001", replicas: int = 1) -> Workload:
        return self._workload(key(name, release), replicas)

    def failing_workload(self) -> Workload:
        ill = Behaviour(health=Health.CRASHING, detail="exited with status 1")
        self.world.behave(lambda w: w.key.service == "payments", ill)
        return self._workload(key("payments"), 1)

    def ailing_workload(self) -> Workload:
        ill = Behaviour(health=Health.UNHEALTHY, detail="answers with status 503")
        self.world.behave(lambda w: w.key.service == "payments", ill)
        return self._workload(key("payments"), 1)

    def straying_workload(self) -> Workload:
        self.world.behave(lambda w: w.key.service == "payments", Behaviour(crosses=(("10.99.0.1:80", "outside"),)))
        return self._workload(key("payments", ecosystem=Ecosystem.STAGING), 1)

    def give(self, ecosystem: Ecosystem, service: str, number: int, values: Mapping[str, str]) -> None:
        known = self._secrets.get((ecosystem, service, number), {})
        self._secrets[ecosystem, service, number] = {**known, **values}

    def given(self, workload: Workload, name: str) -> str | None:
        value = self.world.workloads[workload.key].given.get(name)
        return None if value is None else hashlib.sha256(value.encode()).hexdigest()

    def secret_workload(self, number: int, *names: str) -> Workload:
        return replace(self._workload(replace(key("orders"), secrets=number), 1), secrets=names)

    def job(self, exit_status: int) -> Job:
        result = JobResult.FAILED if exit_status else JobResult.SUCCEEDED
        return self._job(Ending(result=result, exit_status=exit_status))

    def endless_job(self) -> Job:
        return self._job(Ending(steps=10**9))

    def data_job(self, kind: JobKind, *, data: str = MAIN, changes: str = "", exit_status: int = 0) -> Job:
        result = JobResult.FAILED if exit_status else JobResult.SUCCEEDED
        made = self._job(Ending(result=result, exit_status=exit_status, changes=changes))
        return about_data(made, kind, "orders", data)

    def with_database(self) -> Workload:
        return replace(self._workload(key("orders", ecosystem=Ecosystem.STAGING), 1), databases=("orders",))

    def request(self, service: str) -> None:
        self.world.step(self.now)

    @contextmanager
    def unanswered(self, service: str) -> Iterator[None]:
        yield  # this world is never without users
        self.world.meter.requests = 0

    def _workload(self, which: WorkloadKey, replicas: int) -> Workload:
        artifact = Artifact(kind="tree", digest=Digest("sha256:0"), location="/artifacts/0")
        backend = Port(PORTS[which.service][which.ecosystem][1])
        return Workload(
            key=which, replicas=replicas, artifact=artifact, run="app", backend=backend, listens=None, health="/"
        )

    def _job(self, ending: Ending) -> Job:
        self._jobs += 1
        made = gate(self._jobs, "pytest", "orders-" + "c" * 40)
        self.world.end(lambda job: job.id == made.id, ending)
        return made
