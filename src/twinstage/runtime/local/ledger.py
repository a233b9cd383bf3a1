"""What the runtime was told, durable: one file per workload, route and job of a place. Everything else is derived from it."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from twinstage.model.encoding import dumps, loads
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, JobId, Port, ServiceName
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.local.files import write
from twinstage.runtime.local.naming import workload_name
from twinstage.runtime.local.network import addresses

T = TypeVar("T")

_REMEMBERED = 8
"""How many versions of a route are kept, so that the one the proxy accepted can be named."""


@dataclass(frozen=True, kw_only=True)
class WorkloadRecord:
    """``deleted``: told to go; it is forgotten when its last process is gone."""

    workload: Workload
    slot: int
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class RouteRecord:
    """``versions``: newest last, as (version, route)."""

    route: Route
    versions: tuple[tuple[str, Route], ...] = ()


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """``slot``: None in the workshop, which has no network. ``turn``: later ones have higher numbers.

    ``deleted``: stopped and forgotten when its process is gone.
    """

    job: Job
    slot: int | None
    turn: int = 0
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Every service's (frontend, backend) in each ecosystem, and production's own public names."""

    services: Mapping[ServiceName, Mapping[Ecosystem, tuple[Port, Port]]] = field(default_factory=dict)
    public: tuple[str, ...] = ()

    def frontend(self, service: ServiceName, ecosystem: Ecosystem) -> Port:
        return self.services[service][ecosystem][0]


class Ledger:
    """The records of one place, read once and written through."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.workloads = {workload_name(r.workload.key): r for r in _all(directory / "workloads", WorkloadRecord)}
        self.routes = {r.route.service: r for r in _all(directory / "routes", RouteRecord)}
        self.jobs = {r.job.id: r for r in _all(directory / "jobs", JobRecord, suffix=".record")}
        self.database = (directory / "database").exists()
        """Whether there is, or is to be, a database server: from the first need on, for good."""
        places = directory / "outside.json"
        self.outside: dict[str, int] = json.loads(places.read_text()) if places.is_file() else {}
        """Name beyond the company (and who stands in for it) -> the number of its address here."""
        ports = directory / "introduced.json"
        self.ports = loads(Ports, ports.read_text()) if ports.is_file() else Ports()

    def need_database(self) -> bool:
        """True for the first need."""
        if self.database:
            return False
        write(self._directory / "database", "")
        self.database = True
        return True

    def keep_outside(self, names: Collection[str]) -> None:
        """These names have an address each, and no others: those that had one keep it."""
        kept = {name: number for name, number in self.outside.items() if name in names}
        last, used = max(self.outside.values(), default=0), set(kept.values())
        for name in sorted(set(names) - kept.keys()):
            # The next one round, so that an address is not another name's while anybody may remember it.
            last = next(
                n for i in range(addresses.MOST_OUTSIDE) if (n := (last + i) % addresses.MOST_OUTSIDE + 1) not in used
            )
            kept[name] = last
            used.add(last)
        if kept != self.outside:
            write(self._directory / "outside.json", json.dumps(kept, sort_keys=True))
            self.outside = kept

    def introduce(self, ports: Ports) -> None:
        write(self._directory / "introduced.json", dumps(ports))
        self.ports = ports

    def put_workload(self, workload: Workload) -> WorkloadRecord:
        name = workload_name(workload.key)
        known = self.workloads.get(name)
        record = WorkloadRecord(workload=workload, slot=known.slot if known else self._slot())
        return self._keep(name, record)

    def mark_deleted(self, key: WorkloadKey) -> None:
        name = workload_name(key)
        if (known := self.workloads.get(name)) and not known.deleted:
            self._keep(name, replace(known, deleted=True))

    def _keep(self, name: str, record: WorkloadRecord) -> WorkloadRecord:
        if self.workloads.get(name) != record:
            write(self._directory / "workloads" / f"{name}.json", dumps(record))
            self.workloads[name] = record
        return record

    def forget_workload(self, name: str) -> None:
        (self._directory / "workloads" / f"{name}.json").unlink(missing_ok=True)
        self.workloads.pop(name, None)

    def put_route(self, route: Route, version: str) -> None:
        """``version``: under which it is about to be written for the proxy. One write, since a change of shares waits for it."""
        known = self.routes.get(route.service)
        versions = known.versions if known else ()
        if known is None or known.route != route or versions[-1:] != ((version, route),):
            kept = tuple(v for v in versions if v[0] != version)[-_REMEMBERED:]
            self._keep_route(RouteRecord(route=route, versions=(*kept, (version, route))))

    def _keep_route(self, record: RouteRecord) -> None:
        write(self._directory / "routes" / f"{record.route.service}.json", dumps(record))
        self.routes[record.route.service] = record

    def forget_route(self, service: ServiceName) -> None:
        (self._directory / "routes" / f"{service}.json").unlink(missing_ok=True)
        self.routes.pop(service, None)

    def put_job(self, job: Job, *, wired: bool) -> JobRecord:
        """The job as it was first told: a second put changes nothing, but that a deleted one is wanted again."""
        if (known := self.jobs.get(job.id)) is not None:
            return self._keep_job(replace(known, deleted=False))
        turn = 1 + max((r.turn for r in self.jobs.values()), default=0)
        return self._keep_job(JobRecord(job=job, slot=self._slot() if wired else None, turn=turn))

    def _keep_job(self, record: JobRecord) -> JobRecord:
        if self.jobs.get(record.job.id) != record:
            write(self._directory / "jobs" / f"{record.job.id}.record", dumps(record))
            self.jobs[record.job.id] = record
        return record

    def mark_job_deleted(self, job: JobId) -> None:
        if known := self.jobs.get(job):
            self._keep_job(replace(known, deleted=True))

    def forget_job(self, job: JobId) -> None:
        for suffix in ("record", "json"):
            (self._directory / "jobs" / f"{job}.{suffix}").unlink(missing_ok=True)
        self.jobs.pop(job, None)

    def _slot(self) -> int:
        """The next free range after the last one given, so that a range is not reused while anybody may remember it."""
        last = self._directory / "slot"
        used = {r.slot for r in self.workloads.values()} | {r.slot for r in self.jobs.values()}
        slot = int(last.read_text()) if last.is_file() else 0
        for _ in range(addresses.SLOTS):
            slot = slot % (addresses.SLOTS - 1) + 1
            if slot not in used:
                write(last, str(slot))
                return slot
        raise RuntimeError(f"all {addresses.SLOTS - 1} address ranges of {self._directory} are in use")


def route_version(route: Route, admits: tuple[str, ...]) -> str:
    """Named after what it says: the same route for the same callers is the same version."""
    return hashlib.sha256(f"{dumps(route)} {dumps(admits)}".encode()).hexdigest()[:16]


def _all(directory: Path, kind: type[T], suffix: str = ".json") -> list[T]:
    return [loads(kind, path.read_text()) for path in sorted(directory.glob(f"*{suffix}"))]
