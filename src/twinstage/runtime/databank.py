"""Databases of the world in memory: which there are, and what was done to their schemas."""

import hashlib
from collections.abc import Iterable

from twinstage.jobs.databases import DATA, key_of
from twinstage.model.database import MAIN
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.workload import Workload, WorkloadKey

Which = tuple[Ecosystem, ServiceName, str]


class Databank:
    def __init__(self) -> None:
        self.there: dict[Which, dict[str, tuple[str, ...]]] = {}
        """Of each data: database -> what was done to its schema, oldest first."""
        self.running: dict[str, Job] = {}
        """Jobs on databases that have begun and not ended, by their ids."""
        self.harm: list[str] = []

    def begin(self, job: Job, alive: Iterable[WorkloadKey]) -> None:
        """``alive``: workloads that have instances."""
        for other in self.running.values():
            if _touches(job) & _touches(other):
                self.harm.append(f"{job.id} and {other.id} work on the same data at once")
        self.running[job.id] = job
        if job.kind is JobKind.DROP and any((k.ecosystem, k.service, k.data) == _which(job) for k in alive):
            self.harm.append(f"{job.id}: the data of a lane that still runs is dropped")

    def end(self, job: Job, change: str) -> dict[str, str]:
        """What it leaves, and its output. ``change``: to the schema, also of a migration that fails or is lost."""
        self.running.pop(job.id, None)
        done = job.result is JobResult.SUCCEEDED
        which = _which(job)
        match job.kind:
            case JobKind.PREPARE if done:
                source = self.there.get((which[0], which[1], MAIN), {})
                mine = self.there.setdefault(which, {})
                for name in job.databases:
                    mine.setdefault(name, source.get(name, ()))
            case JobKind.DROP if done:
                self.there.pop(which, None)
            case JobKind.MIGRATE:
                measured = self._migrate(job, which, change)
                if job.result is JobResult.LOST:
                    measured.pop("schema_after", None)  # nobody was there to measure it
                return measured
        return {}

    def _migrate(self, job: Job, which: Which, change: str) -> dict[str, str]:
        mine = self.there.get(which, {})
        if job.name not in mine:
            self.harm.append(f"{job.id}: there is no such database")
            return {}
        before = mine[job.name]
        mine[job.name] = (*before, change) if change and change not in before else before
        return {"schema_before": _digest(before), "schema_after": _digest(mine[job.name])}

    def put(self, workload: Workload) -> None:
        """Its instances start now."""
        key = workload.key
        lacking = set(workload.databases) - set(self.there.get((key.ecosystem, key.service, key.data), {}))
        if lacking:
            self.harm.append(f"{key} was put without {', '.join(sorted(lacking))}")
        for job in self.running.values():
            same = (job.release, job.data, job.place.value) == (key.release, key.data, key.ecosystem.value)
            if job.kind is JobKind.MIGRATE and same:
                self.harm.append(f"{key} was put while {job.id} migrates its data")


def concerns(job: Job) -> bool:
    return job.kind in DATA


def _which(job: Job) -> Which:
    return Ecosystem(job.place.value), job.service, job.data


def _touches(job: Job) -> set[Which]:
    key = key_of(job)
    assert key is not None, "only jobs on databases come here"
    found = {_which(job)}
    return found | {(key.ecosystem, key.service, MAIN)} if job.kind is JobKind.PREPARE else found


def _digest(done: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(done).encode()).hexdigest()
