"""The files that a place's supervisord, sentinel and Envoy read, derived from the ledger. Whole sets, written when they differ.

Order of writing: an instance's files, its wire, its program; then for Envoy endpoints, clusters, routes, listeners, so that
every reference is known before it is used.
"""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, Place, ServiceName
from twinstage.model.workload import Route
from twinstage.runtime.local import instance, probing, wire
from twinstage.runtime.local.envoy import clusters, endpoints, listeners, routes
from twinstage.runtime.local.envoy.discovery import write as write_xds
from twinstage.runtime.local.files import write
from twinstage.runtime.local.layout import DESIRED, EXPORTS, SOCKETS, STATE, Layout
from twinstage.runtime.local.ledger import JobRecord, Ledger, WorkloadRecord, route_version
from twinstage.runtime.local.naming import program_of_instance, program_of_job, workload_name
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.outside import Outside
from twinstage.runtime.local.postgres import server
from twinstage.runtime.local.postgres.databases import CALLERS, OURS, Databases
from twinstage.runtime.local.postgres.names import PORTS, variables
from twinstage.runtime.local.sandbox import scripts
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor import configuration

RANGES = {Ecosystem.PRODUCTION: (10000, 10999), Ecosystem.STAGING: (14000, 14999)}
"""Where the store allocates frontends: a call to 127.0.0.1 on one of these leaves the instance and is seen."""

PARTS = frozenset({"discovery", "proxy"})
"""Programs of the ecosystem's own that have files like an instance's."""
_LOG_BYTES = 4 << 20
_STOP_SECONDS = 10
_DATABASE_STOP_SECONDS = 20
"""It writes what it has in memory first."""
_MEASURE = ".measure"
"""After a migration's program: what tells the schema before and after it."""


class Projection:
    """Writes one place's derived files."""

    def __init__(self, place: Place, layout: Layout, ledger: Ledger, settings: Settings) -> None:
        self._place, self._layout, self._ledger, self._settings = place, layout, ledger, settings
        self._directory = layout.desired(place)
        self.databases = Databases(place, layout, ledger, settings)
        self._outside, self._doors = Outside(ledger), layout.outside / f"{place}.json"
        self._envoy = self._directory / "envoy"

    # ----------------------------------------------------------------------------------------------- what is to run

    def wanted(self) -> frozenset[str]:
        """Programs that are to run: instances of workloads that stay, jobs that are not deleted, the database server."""
        names = {p for r in self._ledger.workloads.values() if not r.deleted for p in programs(r)}
        names |= {server.PROGRAM} if self._ledger.database else set()
        return frozenset(names | {program_of_job(j.job.id) for j in self._ledger.jobs.values() if not j.deleted})

    def queue(self) -> list[str]:
        """Jobs in the order in which they may start: what finishes a release before what begins another, then by turn."""
        waiting = [j for j in self._ledger.jobs.values() if not j.deleted]
        return [program_of_job(j.job.id) for j in sorted(waiting, key=lambda j: (j.job.kind is JobKind.BUILD, j.turn))]

    def write_workload(self, record: WorkloadRecord) -> None:
        """Files, wires and programs of a workload's instances. Surplus programs lose their file at once, the rest when gone.

        All instances of a workload stand alike: their files are written once, and each is led to them by a link.
        """
        workload, name = record.workload, workload_name(record.workload.key)
        self._outside.number()
        outside, databases = self._outside.wire(workload), variables(workload.databases)
        stand = instance.of_workload(workload, name, self._ledger.ports, self._settings, databases)
        self._write_stand(name, stand)
        for number, program in enumerate(programs(record)):
            self._link_stand(program, name)
            self._write_wire(program, wire.of_workload(record, program, number, outside))
            text = configuration.program(
                program,
                _launch(program, "wire", None),
                log=f"{STATE}/logs/{program}.log",
                stop_seconds=_STOP_SECONDS,
            )
            write(self._directory / "programs" / f"{program}.conf", text, durable=False)
        kept = set() if record.deleted else {f"{p}.conf" for p in programs(record)}
        for path in (self._directory / "programs").glob(f"{name}.*.conf"):
            if path.name not in kept:
                path.unlink()

    def write_job(self, record: JobRecord) -> None:
        """Files, wire, the wrapper's specification and program of a job."""
        job, program = record.job, program_of_job(record.job.id)
        conf = self._directory / "programs" / f"{program}.conf"
        if record.deleted:
            conf.unlink(missing_ok=True)
            return
        stand = self._stand_of_job(job, program)
        self._write_stand(program, stand)
        if stand.wired:
            self._write_wire(program, wire.of_job(record, program))
        measure = f"{program}{_MEASURE}"
        if job.kind is JobKind.MIGRATE:
            self._write_stand(measure, self.databases.measure(job, measure))
        told = {
            "id": job.id,
            "directory": f"{STATE}/jobs/{job.id}",
            "limit": job.limit.total_seconds(),
            "source": f"{EXPORTS}/{job.source}.tar" if job.source else None,
            "unpack": (job.builds or f"{STATE}/jobs/{job.id}/work") if job.source else None,
            "argv": _launch(program, "wire" if stand.wired else "alone", stand.cache),
            "environment": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            "seal": job.builds if job.kind is JobKind.BUILD else None,
            "log_bytes": _LOG_BYTES,
            "room": job.bounds.work,
            "ended": f"{STATE}/logs/{program}.status",
            "beyond": [str(Path(sys.base_prefix).resolve())],
            "measure": _launch(measure, "alone", server.DOOR) if job.kind is JobKind.MIGRATE else [],
            "ours": job.kind in OURS or job.kind is JobKind.PROBE,
        }
        write(self._directory / "jobs" / f"{job.id}.json", json.dumps(told))
        command = [self._settings.python, "-m", "twinstage.inside.job", f"{DESIRED}/jobs/{job.id}.json"]
        text = configuration.program(program, command, log=f"{STATE}/logs/{program}.log", once=True, stop_seconds=15)
        write(conf, text, durable=False)

    def write_all(self) -> None:
        """What an earlier Twinstage, or one with another toolchain, wrote otherwise. Nothing restarts: it is read at a start."""
        for record in self._ledger.workloads.values():
            self.write_workload(record)
        for job in self._ledger.jobs.values():
            self.write_job(job)

    def _stand_of_job(self, job: Job, program: str) -> instance.Stand:
        if job.kind in OURS:
            return self.databases.work(job, program)
        if job.kind is JobKind.PROBE:
            return probing.stand(job, program, self._ledger, self._layout, self._settings)
        if job.kind is JobKind.GATE:
            return self.databases.gate(job, program)
        return self.databases.job(job, program)

    def write_database(self) -> None:
        """Files and program of the database server, from the first need on."""
        if not self._ledger.database:
            return
        stand = self.databases.server()
        self._write_stand(server.PROGRAM, stand)
        text = configuration.program(
            server.PROGRAM,
            _launch(server.PROGRAM, "here", stand.cache),
            log=f"{STATE}/logs/{server.PROGRAM}.log",
            priority=2,
            stop_seconds=_DATABASE_STOP_SECONDS,
        )
        write(self._directory / "programs" / f"{server.PROGRAM}.conf", text, durable=False)

    def _write_stand(self, program: str, stand: instance.Stand) -> None:
        here = self._directory / "instances" / program
        here.mkdir(mode=0o750, exist_ok=True)  # the group and its setgid come from the parent; a chmod would lose it
        for name, text in stand.files.items():
            write(here / name, text, durable=False)
        write(here / "arguments", "".join(f"{word}\0" for word in stand.arguments), durable=False)

    def _link_stand(self, program: str, name: str) -> None:
        here = self._directory / "instances" / program
        if here.is_dir() and not here.is_symlink():
            shutil.rmtree(here)  # an earlier Twinstage wrote each instance's own
        if not here.is_symlink():
            here.symlink_to(name)

    # ----------------------------------------------------------------------------------------------------- networks

    def _write_wire(self, program: str, told: dict[str, object]) -> None:
        write(self._directory / "wires" / f"{program}.json", json.dumps(told), durable=False)

    def write_ports(self, ecosystem: Ecosystem) -> None:
        told = {
            "ecosystem": ecosystem,
            "gateway": addresses.GATEWAY,
            "ranges": {e: list(r) for e, r in RANGES.items()},
            "databases": dict(PORTS),
            "public": list(self._ledger.ports.public),
            "services": {
                service: {e: {"frontend": f, "backend": b} for e, (f, b) in both.items()}
                for service, both in self._ledger.ports.services.items()
            },
        }
        write(self._directory / "ports.json", json.dumps(told, sort_keys=True))

    def forget(self, running: Iterable[str]) -> bool:
        """Remove files and wires of programs that are neither wanted nor there any more; True when a wire went."""
        kept = self.wanted() | set(running) | PARTS
        stands = kept | self._ledger.workloads.keys()
        for path in (self._directory / "instances").iterdir():
            if path.is_symlink() and path.name not in kept:
                path.unlink()
            elif not path.is_symlink() and path.name.removesuffix(_MEASURE) not in stands:
                shutil.rmtree(path)
        gone = [path for path in (self._directory / "wires").glob("*.json") if path.stem not in kept]
        for path in gone:
            path.unlink()
        return bool(gone)

    # -------------------------------------------------------------------------------------------------------- Envoy

    def write_proxy(self, ecosystem: Ecosystem) -> None:
        """Everything Envoy is told in this ecosystem."""
        self.write_callers()
        self.write_targets()
        self.write_routes(ecosystem, self._ledger.ports.services)
        self._write_listeners(ecosystem)
        for path in (self._envoy / "rds").glob("*.json"):  # last: by now no listener names them any more
            if path.stem not in self._ledger.ports.services:
                path.unlink()

    def _write_listeners(self, ecosystem: Ecosystem) -> None:
        self._outside.number()
        house = listeners.House(
            ecosystem=ecosystem,
            gateway=addresses.GATEWAY,
            edge_dir=f"{SOCKETS}/edge",
            access_log=f"{STATE}/proxy/access.jsonl",
        )
        frontends = [(s, self._ledger.ports.frontend(s, ecosystem)) for s in self._ledger.ports.services]
        others = [*self.databases.listeners(), *self._outside.listeners()]
        write_xds(self._envoy / "lds.json", listeners.listeners(house, frontends, others=others))

    def write_passing(self, ecosystem: Ecosystem) -> None:
        """Who reaches databases and what is beyond the company: the core's doors first, the proxy's listeners last."""
        write(self._doors, json.dumps(self._outside.doors(), sort_keys=True), 0o644, durable=False)
        self.write_callers()
        self.write_targets()
        self._write_listeners(ecosystem)

    def write_callers(self) -> None:
        """Who may call the ecosystem's databases, and what is outside."""
        if self._ledger.database:
            write_xds(self._envoy / CALLERS, self.databases.callers())
        theirs = self._outside.callers()
        for name, file in theirs.items():
            write_xds(self._envoy / "ecds" / f"{name}.json", file)
        for path in (self._envoy / "ecds").glob("outside.*.json"):
            if path.stem not in theirs:
                path.unlink()

    def write_targets(self) -> None:
        """Which workloads there are, and where their instances listen."""
        targets = []
        for name, record in self._ledger.workloads.items():
            targets.append(clusters.Target(name=name, health=record.workload.health))
            hosts = (
                [] if record.deleted else [addresses.address(record.slot, n) for n in range(record.workload.replicas)]
            )
            write_xds(self._envoy / "eds" / f"{name}.json", endpoints.endpoints(name, hosts, record.workload.backend))
        write_xds(
            self._envoy / "cds.json",
            clusters.clusters(targets, others=[*self.databases.clusters(), *self._outside.clusters()]),
        )
        for path in (self._envoy / "eds").glob("*.json"):
            if path.stem not in self._ledger.workloads:
                path.unlink()

    def write_routes(self, ecosystem: Ecosystem, services: Iterable[ServiceName]) -> None:
        """Shares, lanes and admitted callers of these services: one that changes costs nothing of the others'."""
        for service in services:
            if service in self._ledger.ports.services:
                record = self._ledger.routes.get(service)
                port = self._ledger.ports.frontend(service, ecosystem)
                empty = Route(ecosystem=ecosystem, service=service, port=port)
                self._write_route(record.route if record else empty, known=record is not None)

    def put_route(self, route: Route) -> None:
        """Keep it, and tell Envoy."""
        self._write_route(route, known=True)

    def _write_route(self, route: Route, *, known: bool) -> None:
        admits = self._admits(route.service)
        version = route_version(route, admits)
        if known:
            self._ledger.put_route(route, version)
        write_xds(self._envoy / "rds" / f"{route.service}.json", routes.route(route, workload_name, admits, version))

    def _admits(self, service: ServiceName) -> tuple[str, ...]:
        """Who may call the service: the ranges of workloads and jobs whose releases declare it."""
        spans = [addresses.span(r.slot) for r in self._ledger.workloads.values() if service in r.workload.calls]
        spans += [addresses.span(r.slot) for r in self._ledger.jobs.values() if r.slot and service in r.job.calls]
        return tuple(sorted(spans))


def _launch(program: str, network: str, directory: str | None) -> list[str]:
    return ["/bin/sh", scripts.LAUNCH, program, network, *([directory] if directory else [])]


def programs(record: WorkloadRecord) -> list[str]:
    """Names of a workload's instances, as its ecosystem's supervisord knows them."""
    name = workload_name(record.workload.key)
    return [program_of_instance(name, number) for number in range(record.workload.replicas)]
