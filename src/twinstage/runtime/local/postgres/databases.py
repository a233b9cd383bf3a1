"""A place's databases: who gets which variables, how the jobs about them stand, and what its proxy and guard let through."""

from collections.abc import Mapping
from functools import cached_property

from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, Place
from twinstage.model.workload import Workload
from twinstage.runtime.local import instance
from twinstage.runtime.local.envoy import database as envoy
from twinstage.runtime.local.envoy.discovery import Resource
from twinstage.runtime.local.instance import Stand
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.ledger import Ledger
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.postgres import names, server, stands
from twinstage.runtime.local.postgres.binaries import Binaries, binaries
from twinstage.runtime.local.postgres.credentials import Credentials
from twinstage.runtime.local.settings import Settings

OURS = frozenset({JobKind.PREPARE, JobKind.DROP})
"""Work of our own: it has no command, no network, and nobody's release is to blame for what it comes to."""
WORK = OURS | {JobKind.MIGRATE}


class Databases:
    """Of one place. In the workshop there are only the throwaway ones of gates."""

    def __init__(self, place: Place, layout: Layout, ledger: Ledger, settings: Settings) -> None:
        self._place, self._ledger, self._settings = place, ledger, settings
        self._credentials = Credentials(layout.keys / f"{place}.key")

    @cached_property
    def _binaries(self) -> Binaries:
        return binaries(self._settings.postgres)

    @property
    def _ecosystem(self) -> Ecosystem:
        return Ecosystem(self._place.value)

    # ---------------------------------------------------------------------------------------------------- who has what

    def of_workload(self, workload: Workload) -> Mapping[str, str]:
        """Variables of an instance. They have its password in them: they are handed over, and never written down."""
        key = workload.key
        where = (key.ecosystem, key.service, key.data)
        return stands.urls(workload.databases, names.role(key.service, key.data), where, self._credentials)

    def of_job(self, job: Job) -> Mapping[str, str]:
        """Variables of a migration, which comes in as who it is alone. Handed over as an instance's."""
        if job.kind is not JobKind.MIGRATE:
            return {}
        where = (self._ecosystem, job.service, job.data)
        return stands.urls(job.databases, names.migrator(job.service, job.data), where, self._credentials)

    # ------------------------------------------------------------------------------------------------------ what stands

    def job(self, job: Job, program: str) -> Stand:
        """Any job that is neither work of ours nor a gate."""
        made = instance.of_job(job, program, self._ledger.ports, self._settings)
        return instance.awaiting(made, names.variables(job.databases)) if reaches(job) else made

    def server(self) -> Stand:
        return stands.of_server(self._ecosystem, self._binaries)

    def work(self, job: Job, program: str) -> Stand:
        """PREPARE and DROP."""
        return stands.of_work(job, program, self._binaries, self._credentials)

    def measure(self, job: Job, program: str) -> Stand:
        """What tells the schema before and after a MIGRATE."""
        return stands.of_measure(job, program, self._binaries)

    def gate(self, job: Job, program: str) -> Stand:
        """A gate, beside a server of its own where it declares databases."""
        ports, settings = self._ledger.ports, self._settings
        if not job.databases:
            return instance.of_job(job, program, ports, settings)
        made = instance.of_job(job, program, ports, settings, stands.throwaway_urls(job), self._binaries.binds)
        return stands.beside(made, job, self._binaries)

    # --------------------------------------------------------------------------------------------------------- the proxy

    def listeners(self) -> list[Resource]:
        if not self._ledger.database:
            return []
        return [envoy.listener(addresses.GATEWAY, names.PORTS[self._ecosystem], self._workloads())]

    def clusters(self) -> list[Resource]:
        return [envoy.cluster("127.0.0.1", server.PORT)] if self._ledger.database else []

    def callers(self) -> Mapping[str, object]:
        """The file of who may come: the ranges of workloads whose releases declare databases, and of migrations."""
        spans = self._workloads()
        spans += [addresses.span(r.slot) for r in self._ledger.jobs.values() if r.slot and reaches(r.job)]
        return envoy.callers(spans)

    def _workloads(self) -> list[str]:
        return [addresses.span(r.slot) for r in self._ledger.workloads.values() if reaches(r.workload)]


CALLERS = f"ecds/{envoy.NAME}.json"


def reaches(thing: Workload | Job) -> bool:
    """Whether the ecosystem's database server exists for it."""
    return bool(thing.databases) if isinstance(thing, Workload) else thing.kind is JobKind.MIGRATE


def needs(thing: Workload | Job) -> bool:
    """Whether the ecosystem must have a database server for it."""
    return bool(thing.databases) if isinstance(thing, Workload) else thing.kind in WORK
