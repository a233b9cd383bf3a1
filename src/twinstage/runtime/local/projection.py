"""The files that a place's supervisord, sentinel and Envoy read, derived from the ledger. Whole sets, written when they differ.

Order of writing: an instance's files, its wire, its program; then for Envoy endpoints, clusters, routes, listeners, so that
every reference is known before it is used.
"""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from twinstage.model.encoding import encode
from twinstage.model.job import JobKind
from twinstage.model.names import Ecosystem, Place, ServiceName
from twinstage.model.workload import Route
from twinstage.runtime.local import instance
from twinstage.runtime.local.envoy import clusters, endpoints, listeners, routes
from twinstage.runtime.local.envoy.discovery import write as write_xds
from twinstage.runtime.local.files import write
from twinstage.runtime.local.layout import DESIRED, EXPORTS, SOCKETS, STATE, Layout
from twinstage.runtime.local.ledger import JobRecord, Ledger, WorkloadRecord, route_version
from twinstage.runtime.local.naming import program_of_instance, program_of_job, workload_name
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.sandbox import scripts
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor import configuration

RANGES = {Ecosystem.PRODUCTION: (10000, 10999), Ecosystem.STAGING: (14000, 14999)}
"""Where the store allocates frontends: a call to 127.0.0.1 on one of these leaves the instance and is seen."""

_LOG_BYTES = 4 << 20
_STOP_SECONDS = 10


class Projection:
    """Writes one place's derived files."""

    def __init__(self, place: Place, layout: Layout, ledger: Ledger, settings: Settings) -> None:
        self._place, self._ledger, self._settings = place, ledger, settings
        self._directory = layout.desired(place)

    # ----------------------------------------------------------------------------------------------- what is to run

    def wanted(self) -> frozenset[str]:
        """Programs that are to run: instances of workloads that stay, and jobs that are not deleted."""
        names = {p for r in self._ledger.workloads.values() if not r.deleted for p in programs(r)}
        return frozenset(names | {program_of_job(j.job.id) for j in self._ledger.jobs.values() if not j.deleted})

    def queue(self) -> list[str]:
        """Jobs in the order in which they may start: what finishes a release before what begins another, then by turn."""
        waiting = [j for j in self._ledger.jobs.values() if not j.deleted]
        return [program_of_job(j.job.id) for j in sorted(waiting, key=lambda j: (j.job.kind is JobKind.BUILD, j.turn))]

    def write_workload(self, record: WorkloadRecord) -> None:
        """Files, wires and programs of a workload's instances. Surplus programs lose their file at once, the rest when gone."""
        name = workload_name(record.workload.key)
        for number, program in enumerate(programs(record)):
            stand = instance.of_workload(record.workload, program, self._ledger.ports)
            self._write_stand(program, stand)
            self._write_wire(program, self._wire_of_workload(record, program, number))
            text = configuration.program(
                program,
                ["/bin/sh", scripts.LAUNCH, program, "wire"],
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
        stand = instance.of_job(job, program, self._ledger.ports, self._settings)
        self._write_stand(program, stand)
        if stand.wired:
            self._write_wire(program, self._wire_of_job(record, program))
        told = {
            "id": job.id,
            "directory": f"{STATE}/jobs/{job.id}",
            "limit": job.limit.total_seconds(),
            "source": f"{EXPORTS}/{job.source}.tar",
            "unpack": job.builds or f"{STATE}/jobs/{job.id}/work",
            "argv": [
                "/bin/sh",
                scripts.LAUNCH,
                program,
                "wire" if stand.wired else "alone",
                *([stand.cache] if stand.cache else []),
            ],
            "environment": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            "seal": job.builds if job.kind is JobKind.BUILD else None,
            "log_bytes": _LOG_BYTES,
            "beyond": [str(Path(sys.base_prefix).resolve())],
        }
        write(self._directory / "jobs" / f"{job.id}.json", json.dumps(told))
        command = [self._settings.python, "-m", "twinstage.inside.job", f"{DESIRED}/jobs/{job.id}.json"]
        text = configuration.program(program, command, log=f"{STATE}/logs/{program}.log", once=True, stop_seconds=15)
        write(conf, text, durable=False)

    def _write_stand(self, program: str, stand: instance.Stand) -> None:
        here = self._directory / "instances" / program
        here.mkdir(mode=0o750, exist_ok=True)  # the group and its setgid come from the parent; a chmod would lose it
        for name, text in stand.files.items():
            write(here / name, text, durable=False)
        write(here / "arguments", "".join(f"{word}\0" for word in stand.arguments), durable=False)

    # ----------------------------------------------------------------------------------------------------- networks

    def _write_wire(self, program: str, wire: dict[str, object]) -> None:
        write(self._directory / "wires" / f"{program}.json", json.dumps(wire), durable=False)

    @staticmethod
    def _wire_of_workload(record: WorkloadRecord, program: str, number: int) -> dict[str, object]:
        workload = record.workload
        return {
            "id": program,
            "address": addresses.address(record.slot, number),
            "backend": workload.backend,
            "listens": workload.listens,
            "hostname": workload.key.service,
            "service": workload.key.service,
            "release": workload.key.release,
            "source": {"workload": encode(workload.key)},
            "calls": list(workload.calls),
        }

    @staticmethod
    def _wire_of_job(record: JobRecord, program: str) -> dict[str, object]:
        job = record.job
        if record.slot is None:
            raise ValueError(f"the job {job.id} has no address range")
        return {
            "id": program,
            "address": addresses.address(record.slot, 0),
            "backend": None,
            "listens": None,
            "hostname": job.service,
            "service": job.service,
            "release": job.release,
            "source": {"job": job.id},
            "calls": list(job.calls),
        }

    def write_ports(self, ecosystem: Ecosystem) -> None:
        told = {
            "ecosystem": ecosystem,
            "gateway": addresses.GATEWAY,
            "ranges": {e: list(r) for e, r in RANGES.items()},
            "services": {
                service: {e: {"frontend": f, "backend": b} for e, (f, b) in both.items()}
                for service, both in self._ledger.ports.services.items()
            },
        }
        write(self._directory / "ports.json", json.dumps(told, sort_keys=True))

    def forget(self, running: Iterable[str]) -> bool:
        """Remove files and wires of programs that are neither wanted nor there any more; True when a wire went."""
        kept = self.wanted() | set(running) | {"proxy"}
        for path in (self._directory / "instances").iterdir():
            if path.name not in kept:
                shutil.rmtree(path)
        gone = [path for path in (self._directory / "wires").glob("*.json") if path.stem not in kept]
        for path in gone:
            path.unlink()
        return bool(gone)

    # -------------------------------------------------------------------------------------------------------- Envoy

    def write_proxy(self, ecosystem: Ecosystem) -> None:
        """Everything Envoy reads in this ecosystem."""
        here = self._directory / "envoy"
        targets = []
        for name, record in self._ledger.workloads.items():
            targets.append(clusters.Target(name=name, health=record.workload.health))
            hosts = (
                [] if record.deleted else [addresses.address(record.slot, n) for n in range(record.workload.replicas)]
            )
            write_xds(here / "eds" / f"{name}.json", endpoints.endpoints(name, hosts, record.workload.backend))
        write_xds(here / "cds.json", clusters.clusters(targets, f"{DESIRED}/envoy/eds"))
        for service in self._ledger.ports.services:
            self._write_route(ecosystem, service, here)
        house = listeners.House(
            ecosystem=ecosystem,
            gateway=addresses.GATEWAY,
            routes_dir=f"{DESIRED}/envoy/rds",
            edge_dir=f"{SOCKETS}/edge",
            access_log=f"{STATE}/proxy/access.jsonl",
        )
        frontends = [(s, self._ledger.ports.frontend(s, ecosystem)) for s in self._ledger.ports.services]
        write_xds(here / "lds.json", listeners.listeners(house, frontends))
        for path in (here / "eds").glob("*.json"):
            if path.stem not in self._ledger.workloads:
                path.unlink()

    def _write_route(self, ecosystem: Ecosystem, service: ServiceName, here: Path) -> None:
        record = self._ledger.routes.get(service)
        empty = Route(ecosystem=ecosystem, service=service, port=self._ledger.ports.frontend(service, ecosystem))
        told = record.route if record else empty
        admits = self._admits(service)
        version = route_version(told, admits)
        if record:
            self._ledger.remember_version(service, version)
        write_xds(here / "rds" / f"{service}.json", routes.route(told, workload_name, admits, version))

    def _admits(self, service: ServiceName) -> tuple[str, ...]:
        """Who may call the service: the ranges of workloads and jobs whose releases declare it."""
        spans = [addresses.span(r.slot) for r in self._ledger.workloads.values() if service in r.workload.calls]
        spans += [addresses.span(r.slot) for r in self._ledger.jobs.values() if r.slot and service in r.job.calls]
        return tuple(sorted(spans))


def programs(record: WorkloadRecord) -> list[str]:
    """Names of a workload's instances, as its ecosystem's supervisord knows them."""
    name = workload_name(record.workload.key)
    return [program_of_instance(name, number) for number in range(record.workload.replicas)]
