"""A company in a real store, for tests of the API and the command line: services, releases, rollouts, what was seen."""

import asyncio
import atexit
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from twinstage.api.app import create_app
from twinstage.api.limits import BodyLimit
from twinstage.api.office import Office
from twinstage.forge.mirror import Mirror
from twinstage.model.finding import Finding
from twinstage.model.holding import Holding
from twinstage.model.job import Job
from twinstage.model.names import Digest, Ecosystem, InstanceId, JobId, LaneId, ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import EcosystemFile, Policy, ServiceEntry
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Artifact, Definition, Process, Release
from twinstage.model.rollout import Intent, IntentVerb, Kind, Rollout, State
from twinstage.model.seen import BoundaryReport, Health, InstanceSeen, Lack, Limit, Observed, SentinelSeen, WorkloadSeen
from twinstage.model.workload import Route, WorkloadKey
from twinstage.store.rows import Change, Entry
from twinstage.store.store import Store
from twinstage.vault import MemoryBox, Vault

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHOP = ("catalog", "orders", "payments")


def definition(service: str, *depends_on: str) -> Definition:
    web = Process(run="serve", instances={Ecosystem.PRODUCTION: 2, Ecosystem.STAGING: 1}, health="/healthz")
    return Definition(
        service=ServiceName(service),
        build=None,
        processes={"web": web},
        depends_on=tuple(ServiceName(d) for d in depends_on),
        gates={"lint": "true", "unit": "true", "integration": "true"},
    )


def release(service: str, mark: str) -> Release:
    """``mark``: one hex digit that its identifiers are made of."""
    return Release(
        id=ReleaseId(f"r_{mark * 12}"),
        service=ServiceName(service),
        commit=mark * 40,
        tree=mark * 40,
        artifact=Artifact(kind="tree", digest=Digest(f"sha256:{mark * 64}"), location=f"/artifacts/{mark * 12}"),
        definition=definition(service),
    )


def reason(code: str, owner: Owner = Owner.RELEASE, until: datetime | None = None, **facts: str | int) -> Reason:
    return Reason(code=code, owner=owner, facts=facts, until=until)


def rollout(identifier: str, service: str, state: State, why: Reason, **more: object) -> Rollout:
    values: dict[str, object] = {
        "id": RolloutId(identifier),
        "service": ServiceName(service),
        "kind": Kind.SHIP,
        "commit": "9" * 40,
        "tree": "8" * 40,
        "release": None,
        "state": state,
        "entered": START,
        "deadline": START + timedelta(hours=1),
        "lane": LaneId("7f3a9c1b"),
        "submitted": START - timedelta(seconds=30),
        "by": "ada@build7",
        "reason": why,
    }
    return Rollout(**(values | more))  # type: ignore[arg-type]


LIMITS = (
    Limit(what="memory", in_force=True, how="by the kernel"),
    Limit(what="quotas", in_force=False, how="another file system"),
)
LACKING = (
    Lack(name="no groups", means="a program reads more than it should", takes="a newer kernel"),
    Lack(name="not in force: quotas", means="whoever is quick writes more", takes="another file system"),
)


@dataclass
class QuietRuntime:
    """What the API asks of a runtime: logs and the boundary."""

    logs: dict[str, bytes] = field(default_factory=dict)
    troubles_: list[Finding] = field(default_factory=list)
    sentinels_: tuple[SentinelSeen, ...] = ()
    report: BoundaryReport = field(
        default_factory=lambda: BoundaryReport(
            enforced=True, means=("walls",), lacking=LACKING, attributes=True, limits=LIMITS
        )
    )

    def log(self, source: InstanceId | JobId, offset: int) -> Iterator[bytes]:
        yield from [self.logs[source][offset:]]

    def spoken(self, release: ReleaseId) -> tuple[InstanceId, ...]:
        return tuple(InstanceId(name) for name in self.logs if f".{release}." in name)

    def boundary(self) -> BoundaryReport:
        return self.report

    def sentinels(self) -> tuple[SentinelSeen, ...]:
        return self.sentinels_

    def troubles(self) -> tuple[Finding, ...]:
        return tuple(self.troubles_)


class Api:
    """Asks an application without a socket. What it raises becomes an answer, as it does under a server."""

    def __init__(self, app: FastAPI | BodyLimit) -> None:
        self._app = app

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._ask("GET", path, **more)

    def put(self, path: str, **more: Any) -> httpx.Response:
        return self._ask("PUT", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self._ask("POST", path, **more)

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://twinstage") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())


@cache
def _empty() -> Path:
    """A store without anything in it. Made once: bringing a file to the present schema takes most of a test's time."""
    made = Path(tempfile.mkdtemp(prefix="ts-")) / "store.db"
    atexit.register(shutil.rmtree, made.parent)
    store = Store(made, durable=False)
    store.close()
    return made


class Company:
    """``now`` stands still unless a test moves it."""

    def __init__(self, where: Path, services: tuple[str, ...] = SHOP, repositories: Path | None = None) -> None:
        self.now = START
        shutil.copyfile(_empty(), where / "store.db")
        self.store = Store(where / "store.db", durable=False)
        self.mirror = Mirror(where / "mirror")
        self.vault = {eco: Vault(eco, MemoryBox()) for eco in Ecosystem}
        self.runtime = QuietRuntime()
        self.latest: dict[Ecosystem, Observed] = {}
        self.woken = threading.Event()
        self.holdings: tuple[Holding, ...] = ()
        self.jobs: dict[JobId, Job] = {}
        self.intact: Callable[[Artifact], bool] = lambda _: True
        self.store.take(self.now)
        root = repositories or where
        entries = tuple(ServiceEntry(service=ServiceName(s), repository=str(root / s)) for s in services)
        self.file = EcosystemFile(name="shop", services=entries, policy=Policy())
        self._numbers = iter(range(1, 10_000))
        intent = Intent(id="first", verb=IntentVerb.CONFIGURE, args={}, by="ada", why="up", at=START)
        entry = Entry(who="ada", what="ecosystem", why="brought into force")
        self.store.add_intent(intent)
        taken = replace(intent, answered=START, accepted=True, answer="in force")
        self.store.configure(self.file, lambda _: True, taken, entry)

    def app(self) -> FastAPI:
        office = Office(
            store=self.store,
            latest=lambda: self.latest,
            wake=self.woken.set,
            mirror=self.mirror,
            vault=self.vault,
            runtime=self.runtime,  # type: ignore[arg-type]
            now=lambda: self.now,
            new_id=lambda: f"i_{next(self._numbers)}",
            holdings=lambda: self.holdings,
            jobs=lambda: self.jobs,
            intact=lambda artifact: self.intact(artifact),
            hindered=str,
        )
        return create_app(office)

    def write(self, **change: object) -> None:
        self.store.commit(Change(at=self.now, **change))  # type: ignore[arg-type]

    def live(self, *releases: Release) -> None:
        """Production runs these, staging mirrors them, and all are healthy."""
        states = self.store.services()
        pairs = [(states[r.service], replace(states[r.service], baselines=(r.id,))) for r in releases]
        past = [
            rollout(
                f"ro_{r.service}", r.service, State.LIVE, reason("LIVE"), commit=r.commit, release=r.id, entered=START
            )
            for r in releases
        ]
        self.write(services=tuple(pairs), releases=releases, rollouts=tuple((None, p) for p in past))
        for ecosystem in Ecosystem:
            self.see(ecosystem, *((r, r.definition.web.instances[ecosystem]) for r in releases))

    def see(
        self,
        ecosystem: Ecosystem,
        *seen: tuple[Release, int],
        ill: Mapping[ReleaseId, Health] | None = None,
        shares: Mapping[ReleaseId, int] | None = None,
    ) -> None:
        """The controller's last look at an ecosystem: (release, instances), healthy unless ``ill``."""
        workloads, routes = {}, {}
        for r, count in seen:
            key = workload(ecosystem, r)
            health = (ill or {}).get(r.id, Health.HEALTHY)
            instances = tuple(instance(ecosystem, r, number, health) for number in range(count))
            workloads[key] = WorkloadSeen(key=key, replicas=count, instances=instances, in_flight=0)
        for name, state in self.store.services().items():
            split = tuple(
                (workload(ecosystem, r), (shares or {}).get(r.id, 100))
                for r, _ in seen
                if r.service == name and (r.id == state.baseline or r.id in (shares or {}))
            )
            routes[name] = Route(ecosystem=ecosystem, service=name, port=state.frontends[ecosystem], split=split)
        self.latest[ecosystem] = Observed(
            ecosystem=ecosystem,
            at=self.now,
            workloads=workloads,
            routes=routes,
            parts={"proxy": Health.HEALTHY, "sentinel": Health.HEALTHY, "supervisor": Health.HEALTHY},
            enforced=True,
        )

    def answer(self, accepted: bool, text: str, rollout: str | None = None) -> None:
        """What the controller's tick does with every intent that waits."""
        for intent in self.store.intents():
            done = replace(
                intent,
                answered=self.now,
                accepted=accepted,
                answer=text,
                rollout=RolloutId(rollout) if rollout else None,
            )
            self.write(intent=done)


def workload(ecosystem: Ecosystem, r: Release) -> WorkloadKey:
    return WorkloadKey(ecosystem=ecosystem, service=r.service, process="web", release=r.id, secrets=1)


def instance(ecosystem: Ecosystem, r: Release, number: int, health: Health) -> InstanceSeen:
    name = InstanceId(f"{ecosystem}.{r.service}.web.{r.id}.1.main.{number}")
    detail = "" if health is Health.HEALTHY else "exited with status 1"
    return InstanceSeen(id=name, health=health, since=START, detail=detail)


def moved(it: str, service: str, after: State, why: str = "") -> Entry:
    """The journal's line of a rollout that entered a state."""
    return Entry(
        who="twinstage", what="rollout", why=why or after.value, service=ServiceName(service), rollout=RolloutId(it),
        after=after.value,
    )  # fmt: skip


class Served:
    """A company's API on a real Unix socket, in a thread. Stops when the block ends.

    ``show`` puts another company behind the same socket: starting a server for each test takes too long.
    """

    def __init__(self, company: Company | None = None) -> None:
        self._made = tempfile.TemporaryDirectory(prefix="ts-")
        self.root = Path(self._made.name)
        self.path = self.root / "shop" / "api" / "api.sock"
        self.path.parent.mkdir(parents=True)
        if company is not None:
            self.show(company)

    def show(self, company: Company) -> None:
        self.company, self._app = company, company.app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def __enter__(self) -> "Served":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._made.cleanup()

    def start(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.path))
        self._socket.listen()  # here, so that whoever connects before the server runs is only kept waiting
        config = uvicorn.Config(self, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
