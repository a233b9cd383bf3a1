"""The runtime on one machine: bubblewrap, supervisord, Envoy and the sentinel behind the Runtime protocol."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from twinstage.model.holding import Holding
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, InstanceId, JobId, Place, Port, ServiceName
from twinstage.model.seen import BoundaryReport, Crossing, Health, Observed, TrafficSample
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.local import crossings, edge, holdings, observation
from twinstage.runtime.local.envoy.admin import Admin, ProxyUnavailable
from twinstage.runtime.local.fences import Fences
from twinstage.runtime.local.layout import SANDBOXES, Layout, place_of
from twinstage.runtime.local.ledger import Ports
from twinstage.runtime.local.naming import parse_instance
from twinstage.runtime.local.network.addresses import MOST
from twinstage.runtime.local.place import PlaceDesk
from twinstage.runtime.local.projection import programs
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.runtime import Fence, Unavailable, Unfit

log = logging.getLogger(__name__)
_CHUNK = 64 * 1024
_MEANS = ("user", "network", "mount", "pid", "ipc", "uts", "seccomp", "no capability", "no new user namespaces")


class LocalRuntime:
    """Every put writes its intent to the ledger first and then makes the place look: killed in between, nothing is lost."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._layout, self._settings = layout, settings
        self._desks = {place: PlaceDesk(place, layout, settings) for place in SANDBOXES}
        self._sweepers = {place: holdings.Sweeper(layout.doors(place) / "sweeper.sock") for place in SANDBOXES}
        self._admins = {e: Admin(layout.doors(place_of(e)) / "envoy.sock") for e in Ecosystem}
        self._memories = {e: observation.Memory() for e in Ecosystem}
        self._fences = Fences(layout.store.parent / "fence")

    def _desk(self, ecosystem: Ecosystem) -> PlaceDesk:
        return self._desks[place_of(ecosystem)]

    # ---------------------------------------------------------------------------------------------------- intents

    def open(self, ecosystem: Ecosystem, fence: Fence) -> None:
        self._fences.check(fence)
        projection = self._desk(ecosystem).projection
        projection.write_ports(ecosystem)
        projection.write_proxy(ecosystem)

    def introduce(self, services: Mapping[ServiceName, Mapping[Ecosystem, tuple[int, int]]], fence: Fence) -> None:
        self._fences.check(fence)
        ports = Ports(
            services={s: {e: (Port(f), Port(b)) for e, (f, b) in both.items()} for s, both in services.items()}
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
        record = desk.ledger.put_workload(workload)
        desk.projection.write_workload(record)
        desk.projection.write_proxy(workload.key.ecosystem)
        desk.nudge(wires=True)

    def delete_workload(self, key: WorkloadKey, fence: Fence) -> None:
        self._fences.check(fence)
        desk = self._desk(key.ecosystem)
        desk.ledger.mark_deleted(key)
        for record in desk.ledger.workloads.values():
            if record.workload.key == key:
                desk.projection.write_workload(record)
        desk.projection.write_proxy(key.ecosystem)
        desk.nudge(wires=False)

    def put_route(self, route: Route, fence: Fence) -> None:
        self._fences.check(fence)
        desk = self._desk(route.ecosystem)
        desk.ledger.put_route(route)
        desk.projection.write_proxy(route.ecosystem)

    def delete_route(self, ecosystem: Ecosystem, service: ServiceName, fence: Fence) -> None:
        self._fences.check(fence)
        desk = self._desk(ecosystem)
        desk.ledger.forget_route(service)
        desk.projection.write_proxy(ecosystem)

    def put_job(self, job: Job, fence: Fence) -> None:
        self._fences.check(fence)
        desk = self._desks[job.place]
        record = desk.ledger.put_job(job, wired=job.place is not Place.WORKSHOP)
        desk.projection.write_job(record)
        if job.place is not Place.WORKSHOP:
            desk.projection.write_proxy(Ecosystem(job.place.value))
        desk.nudge(wires=job.place is not Place.WORKSHOP)

    def delete_job(self, job: JobId, fence: Fence) -> None:
        self._fences.check(fence)
        for desk in self._desks.values():
            if job in desk.ledger.jobs:
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
            listening=lambda program: self._listening(desk, program),
        )
        seen = [observation.workload_seen(n, r, look, memory) for n, r in desk.ledger.workloads.items()]
        memory.forget_others(set(processes) | {p for r in desk.ledger.workloads.values() for p in programs(r)})
        return Observed(
            ecosystem=ecosystem,
            at=look.now,
            workloads={w.key: w for w in seen},
            routes=observation.accepted(desk.ledger.routes, figures.versions.routes),
            parts={
                "proxy": Health.HEALTHY,
                "supervisor": Health.HEALTHY,
                "sentinel": Health.HEALTHY if processes["sentinel"].state == "RUNNING" else Health.UNHEALTHY,
            },
            enforced=True,
        )

    @staticmethod
    def _listening(desk: PlaceDesk, program: str) -> list[int]:
        """Only for words to people, so a sentinel that does not answer costs no decision."""
        with contextlib.suppress(Unavailable):
            return desk.sentinel.listening(program) if desk.sentinel else []
        return []

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

    def boundary(self) -> BoundaryReport:
        return BoundaryReport(enforced=True, means=_MEANS, lacking=self._settings.lacking, attributes=True)
