"""Hands over to an ecosystem what its instances and jobs have of secrets, addresses of databases among them, which have passwords
in them: into its memory, never into a file of the disk."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from twinstage.model.job import Job
from twinstage.model.names import ServiceName
from twinstage.model.workload import Workload
from twinstage.runtime.local.ledger import Ledger
from twinstage.runtime.local.naming import program_of_job
from twinstage.runtime.local.network.wires import Sentinel
from twinstage.runtime.local.postgres.databases import Databases, reaches
from twinstage.runtime.local.projection import programs
from twinstage.runtime.runtime import Unavailable

log = logging.getLogger(__name__)

Secrets = Callable[[ServiceName, int], Mapping[str, str]]
"""(service, number of its secrets) -> values by name, in one ecosystem. Raises Unavailable, without a value in its words."""


class Lockbox(Sentinel):
    """An ecosystem's lockbox: asked as the sentinel is, one line each way."""

    what = "lockbox"

    def held(self) -> set[str]:
        """Instances that can have their secrets."""
        return {str(id) for id in self._done(self.ask(op="held"))["held"]}

    def keep(self, id: str, values: Mapping[str, str]) -> None:
        self._done(self.ask(op="keep", id=id, values=dict(values)))

    def drop(self, ids: Collection[str]) -> None:
        self._done(self.ask(op="drop", ids=sorted(ids)))

    def _done(self, told: dict[str, Any]) -> dict[str, Any]:
        if not told.get("ok"):
            raise Unavailable(f"the lockbox at {self._path} cannot: {told.get('error')}")
        return told


def values_of(workload: Workload, secrets: Secrets) -> dict[str, str]:
    """Exactly those that its release names. Raises Unavailable where one is not there: it is set, or it waits."""
    if not workload.secrets:
        return {}
    key = workload.key
    found = secrets(key.service, key.secrets)
    if lacking := [name for name in workload.secrets if name not in found]:
        raise Unavailable(
            f"cannot run {key.service} {key.release} in {key.ecosystem}: {', '.join(lacking)} is not set there; "
            f"`twinstage secret set {key.service} {lacking[0]} --ecosystem {key.ecosystem}` sets it"
        )
    return {name: found[name] for name in workload.secrets}


class Handover:
    """Keeps a lockbox at what the ledger says. Nothing it holds outlives its sandbox, so each look asks what it has."""

    def __init__(self, lockbox: Lockbox, secrets: Secrets, databases: Databases) -> None:
        self._lockbox, self._secrets, self._databases = lockbox, secrets, databases
        self._told = ""
        self._used = True
        """May the lockbox hold anything? A new controller has not asked yet."""

    def settle(self, ledger: Ledger, running: Collection[str]) -> None:
        """Hand over what is lacking, drop what is of nobody that is wanted or still runs. Trouble is logged: the launcher
        waits a while, the supervisor tries again, and so does the next look."""
        wanted = dict(self._wanted(ledger))
        if not wanted and not self._used:
            return
        try:
            held = self._lockbox.held()
            for program in sorted(set(wanted) - held):
                self._lockbox.keep(program, self.values(wanted[program]))
            if gone := held - set(wanted) - set(running):
                self._lockbox.drop(gone)
            self._used, self._told = bool(wanted or held), ""
        except Unavailable as trouble:
            if str(trouble) != self._told:
                log.warning("secrets are not handed over: %s", trouble)
            self._told = str(trouble)

    def _wanted(self, ledger: Ledger) -> Iterator[tuple[str, Workload | Job]]:
        """Programs that wait for what is handed over, and whose they are."""
        for record in ledger.workloads.values():
            if not record.deleted and (record.workload.secrets or reaches(record.workload)):
                yield from ((program, record.workload) for program in programs(record))
        for it in ledger.jobs.values():
            if not it.deleted and reaches(it.job):
                yield program_of_job(it.job.id), it.job

    def values(self, thing: Workload | Job) -> dict[str, str]:
        """All that is handed over to each program of it. Raises Unavailable where something is not there."""
        if isinstance(thing, Job):
            return dict(self._databases.of_job(thing))
        return {**values_of(thing, self._secrets), **self._databases.of_workload(thing)}
