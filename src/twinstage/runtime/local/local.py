"""The runtime on one machine: bubblewrap, supervisord, Envoy and the sentinel behind the Runtime protocol."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from twinstage.model.finding import Finding
from twinstage.model.holding import Holding
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, InstanceId, JobId, Place, Port, ReleaseId, ServiceName
from twinstage.model.seen import BoundaryReport, Crossing, Observed, SentinelSeen, TrafficSample
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.local import crossings, edge, holdings, observation, outside, troubles
from twinstage.runtime.local.envoy.admin import Admin, ProxyUnavailable
from twinstage.runtime.local.fences import Fences
from twinstage.runtime.local.gives import lacks, limits
from twinstage.runtime.local.layout import SANDBOXES, Layout, place_of
from twinstage.runtime.local.ledger import Ports
from twinstage.runtime.local.naming import parse_instance
from twinstage.runtime.local.network.addresses import MOST
from twinstage.runtime.local.place import PlaceDesk
from twinstage.runtime.local.postgres.databases import reaches
from twinstage.runtime.local.projection import programs
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.runtime import SPOKEN, Fence, Introduced, Unavailable, Unfit

log = logging.getLogger(__name__)
_CHUNK = 64 * 1024
_MEANS = (
    "user: what counts as root in an ecosystem is nobody to the machine, and each instance has a uid of its own namespace",
    "network: an instance has one wire, to its own ecosystem; neither ecosystem has any other network",
    "mount: it sees its release, its log and the system's programs, and nothing of its neighbours or the other ecosystem",
    "pid: it sees and signals no process but its own",
    "ipc: it shares no memory, semaphore or message queue with anybody",
    "uts: its host name is its own, and tells nothing of the machine",
    "seccomp: a filter refuses the system calls that reach past namespaces, such as sockets of virtual machines",
    "no capability: nothing inside an instance may change networks, mounts or owners",
    "no new user namespaces: nothing inside an instance can give itself capabilities again",
)
"""What separates the ecosystems and their instances, a sentence each: ``boundary`` shows them as they stand."""


Secrets = Callable[[Ecosystem, ServiceName, int], Mapping[str, str]]
"""(ecosystem, service, number of its secrets there) -> values by name. Raises Unavailable, without a value in its words."""


class LocalRuntime:
    """Every put writes its intent to the ledger first and then makes the place look: killed in between, nothing is lost."""

    def __init__(self, layout: Layout, settings: Settings, secrets: Secrets) -> None:
        self._layout, self._settings = layout, settings
        self._desks = {Place.WORKSHOP: PlaceDesk(Place.WORKSHOP, layout, settings)}
        for ecosystem in Ecosystem:
            place, theirs = place_of(ecosystem), partial(secrets, ecosystem)
            self._desks[place] = PlaceDesk(place, layout, settings, theirs)
        self._sweepers = {place: holdings.Sweeper(layout.doors(place) / "sweeper.sock") for place in SANDBOXES}
        self._admins = {e: Admin(layout.doors(place_of(e)) / "envoy.sock") for e in Ecosystem}
        self._memories = {e: observation.Memory() for e in Ecosystem}
        self._fences = Fences(layout.store.parent / "fence")

    @property
    def highest(self) -> int:
        """The highest epoch that ever spoke to it. A store that was put back from a copy is behind that."""
        return self._fences.highest

    def _desk(self, ecosystem: Ecosystem) -> PlaceDesk:
        return self._desks[place_of(ecosystem)]

    # ---------------------------------------------------------------------------------------------------- intents

    def open(self, ecosystem: Ecosystem, fence: Fence) -> None:
        self._fences.check(fence)
        for desk in (self._desk(ecosystem), self._desks[Place.WORKSHOP]):
            desk.write_all()

    def introduce(self, services: Introduced, fence: Fence, public: Sequence[str] = ()) -> None:
        self._fences.check(fence)
        ports = Ports(
            services={s: {e: (Port(f), Port(b)) for e, (f, b) in both.items()} for s, both in services.items()},
            public=tuple(public),
        )
        for ecosystem in Ecosystem:
            desk = self._desk(ecosystem)
            desk.ledger.introduce(ports)
            desk.projection.write_ports(ecosystem)
            desk.projection.write_proxy(ecosystem)
        self._desks[Place.WORKSHOP].ledger.introduce(ports)
        edge.write(self._layout, ports)
        for ecosystem in Ecosystem:
            self._desk(ecosystem).nudge(wires=True)

    def put_workload(self, workload: Workload, fence: Fence) -> None:
        self._fences.check(fence)
        if not 0 < workload.replicas <= MOST:
            raise Unfit(f"cannot run {workload.replicas} instances of {workload.key.service}: 1 to {MOST} are possible")
        desk = self._desk(workload.key.ecosystem)
        if desk.handover is not None:
            desk.handover.values(workload)  # what could not start is not told to
        with desk.written():
            desk.provide(workload)
            record = desk.ledger.put_workload(workload)
            desk.projection.write_workload(record)
            desk.projection.write_targets()
            desk.projection.write_routes(workload.key.ecosystem, workload.calls)
            if workload.outside or reaches(workload):
                desk.projection.write_passing(workload.key.ecosystem)
        desk.nudge(wires=True)

    def delete_workload(self, key: WorkloadKey, fence: Fence) -> None:
        self._fences.check(fence)
        desk = self._desk(key.ecosystem)
        with desk.written():
            desk.ledger.mark_deleted(key)
            for record in desk.ledger.workloads.values():
                if record.workload.key == key:
                    desk.projection.write_workload(record)
            desk.projection.write_targets()
        desk.nudge(wires=False)

    def put_route(self, route: Route, fence: Fence) -> None:
        self._fences.check(fence)
        with (desk := self._desk(route.ecosystem)).written():
            desk.projection.put_route(route)

    def delete_route(self, ecosystem: Ecosystem, service: ServiceName, fence: Fence) -> None:
        self._fences.check(fence)
        desk = self._desk(ecosystem)
        with desk.written():
            desk.ledger.forget_route(service)
            desk.projection.write_routes(ecosystem, (service,))

    def put_job(self, job: Job, fence: Fence) -> None:
        self._fences.check(fence)
        desk = self._desks[job.place]
        if desk.handover is not None:
            desk.handover.values(job)
        with desk.written():
            desk.provide(job)
            record = desk.ledger.put_job(job, wired=job.place is not Place.WORKSHOP)
            desk.projection.write_job(record)
            if job.place is not Place.WORKSHOP:
                desk.projection.write_routes(Ecosystem(job.place.value), job.calls)
            if reaches(job):
                desk.projection.write_callers()
        desk.nudge(wires=job.place is not Place.WORKSHOP)

    def delete_job(self, job: JobId, fence: Fence) -> None:
        self._fences.check(fence)
        for desk in self._desks.values():
            if job in desk.ledger.jobs:
                with desk.written():
                    desk.ledger.mark_job_deleted(job)
                    desk.projection.write_job(desk.ledger.jobs[job])
                desk.nudge(wires=False)

    # --------------------------------------------------------------------------------------------------- sightings

    def observe(self, ecosystem: Ecosystem) -> Observed:
        desk, memory = self._desk(ecosystem), self._memories[ecosystem]
        processes = desk.supervisor.processes()
        desk.settle(processes)
        try:
            hosts = self._admins[ecosystem].health()
            figures = self._admins[ecosystem].figures()
        except ProxyUnavailable as error:
            raise Unavailable(str(error)) from error
        look = observation.Look(
            now=datetime.now(UTC),
            processes=processes,
            hosts=hosts,
            in_flight=figures.in_flight,
            last_line=desk.last_line,
            last_status=desk.last_status,
            full=desk.full(),
            listening=lambda program: self._listening(desk, program),
            answered=lambda program, path: self._answered(desk, program, path),
        )
        seen = [observation.workload_seen(n, r, look, memory) for n, r in desk.ledger.workloads.items()]
        memory.forget_others(set(processes) | {p for r in desk.ledger.workloads.values() for p in programs(r)})
        return Observed(
            ecosystem=ecosystem,
            at=look.now,
            workloads={w.key: w for w in seen},
            routes=observation.accepted(desk.ledger.routes, figures.versions.routes),
            parts=observation.parts(processes, memory),
            enforced=True,
        )

    @staticmethod
    def _listening(desk: PlaceDesk, program: str) -> list[int]:
        """Only for words to people, so a sentinel that does not answer costs no decision."""
        with contextlib.suppress(Unavailable):
            return desk.sentinel.listening(program) if desk.sentinel else []
        return []

    @staticmethod
    def _answered(desk: PlaceDesk, program: str, path: str) -> int | None:
        """For people's eyes as well."""
        with contextlib.suppress(Unavailable):
            return desk.sentinel.health(program, path) if desk.sentinel else None
        return None

    def jobs(self) -> Mapping[JobId, Job]:
        return {job.id: job for desk in self._desks.values() for job in desk.jobs()}

    def traffic(self, ecosystem: Ecosystem) -> tuple[TrafficSample, ...]:
        try:
            figures = self._admins[ecosystem].figures()
        except ProxyUnavailable as error:
            raise Unavailable(str(error)) from error
        now = datetime.now(UTC)
        records = self._desk(ecosystem).ledger.workloads
        return tuple(
            TrafficSample(
                workload=records[name].workload.key,
                source=f"proxy {ecosystem}",
                epoch=figures.epoch,
                at=now,
                requests=counted.requests,
                errors=counted.errors,
                latency=counted.latency,
            )
            for name, counted in figures.traffic.items()
            if name in records
        )

    def crossings(self, ecosystem: Ecosystem, after: int) -> tuple[Crossing, ...]:
        return crossings.read(ecosystem, self._desk(ecosystem).kept / "crossings.jsonl", after)

    def log(self, source: InstanceId | JobId, offset: int) -> Iterator[bytes]:
        path = self._log_of(source)
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size + offset) if offset < 0 else offset)
                while chunk := file.read(_CHUNK):
                    yield chunk
        except FileNotFoundError:
            return  # nothing was written yet

    def spoken(self, release: ReleaseId) -> tuple[InstanceId, ...]:
        found = [
            (at, InstanceId(f"{ecosystem}.{program}"))
            for ecosystem in Ecosystem
            for program, at in self._desk(ecosystem).logs_of(release)
        ]
        return tuple(instance for _, instance in sorted(found)[-SPOKEN:])

    def _log_of(self, source: InstanceId | JobId) -> Path:
        for desk in self._desks.values():
            directory = desk.kept / "jobs" / source
            named = "/" not in source and source not in ("", ".", "..")
            if source in desk.ledger.jobs or (named and directory.is_dir()):
                return directory / "log"
        with contextlib.suppress(ValueError):
            ecosystem, program = parse_instance(InstanceId(source))
            if "/" not in program:
                return self._desk(ecosystem).log_of_instance(program)
        raise KeyError(f"there is no instance or job {source}")

    def holdings(self) -> tuple[Holding, ...]:
        return tuple(h for place, desk in self._desks.items() for h in holdings.held(desk, self._sweepers[place]))

    def discard(self, items: Sequence[Holding], fence: Fence) -> None:
        self._fences.check(fence)
        for place, theirs in holdings.places(self._sweepers, items).items():
            for name, why in holdings.discard(self._sweepers[place], theirs).items():
                log.warning("%s of %s stays: %s", name, place, why)

    def troubles(self) -> tuple[Finding, ...]:
        found: list[Finding] = []
        for place, desk in self._desks.items():
            found += [
                *troubles.programs(desk),
                *troubles.networks(desk),
                *troubles.sweepers(place, self._sweepers[place]),
            ]
        for ecosystem, admin in self._admins.items():
            found += troubles.proxies(ecosystem, admin)
        found += outside.troubles(self._layout)
        return (*found, *troubles.doors(self._desk(Ecosystem.PRODUCTION).ledger.ports))

    def sentinels(self) -> tuple[SentinelSeen, ...]:
        return tuple(found for eco in Ecosystem if (found := crossings.counted(eco, self._desk(eco).sentinel)))

    def boundary(self) -> BoundaryReport:
        return BoundaryReport(
            enforced=True,
            means=_MEANS,
            lacking=(*self._settings.lacking, *lacks(self._settings.gives)),
            attributes=True,
            limits=tuple(limits(self._settings.gives)),
        )
