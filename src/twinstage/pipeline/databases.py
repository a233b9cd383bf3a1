"""A release's data: what is to be done before its instances may start, what comes next of it, and what a rollout says.

PREPARE once, then MIGRATE for each database that has a command, in the order of their names; the next begins when the one
before has succeeded. A migration that fails or takes too long blames the release whose rollout waits for it. Everything else
(trouble of the server, a job that was lost, a migration of staging's own data, whose release is live already) is tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from twinstage.jobs.databases import ALL, key_of
from twinstage.model.database import Behind, DataKey
from twinstage.model.facts import BACKOFF, Decision, Facts
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Release
from twinstage.model.rollout import Kind, Rollout
from twinstage.pipeline.keys import data_key, lane_key, production_key

BLAMES = frozenset({JobResult.FAILED, JobResult.TIMED_OUT})


@dataclass(frozen=True, kw_only=True)
class Task:
    """One piece of the work on a release's data, with the latest job that tried it."""

    kind: JobKind
    name: str
    job: Job | None

    @property
    def attempt(self) -> int:
        """The next one's number."""
        return 1 if self.job is None else self.job.attempt + 1

    @property
    def failed(self) -> bool:
        """By the release's own fault: its command said so, or did not end."""
        return self.kind is JobKind.MIGRATE and self.job is not None and self.job.result in BLAMES

    def due(self, alone: bool) -> datetime | None:
        """When it may be tried (again); None: now. ``alone``: no rollout waits for it."""
        if self.job is None or self.job.ended is None:
            return None
        # A command that fails will most likely fail again, and what is live stays live meanwhile.
        pause = BACKOFF[-1] if alone and self.failed else BACKOFF[min(self.job.attempt, len(BACKOFF)) - 1]
        return self.job.ended + pause


def task(release: Release, jobs: Sequence[Job]) -> Task | None:
    """The first piece that is not done; None: its data is ready. ``jobs``: those of this work, oldest first."""
    todo = [(JobKind.PREPARE, ALL)]
    # Their names' order: a stored definition has no other.
    stores = sorted(release.definition.databases.items())
    todo += [(JobKind.MIGRATE, name) for name, command in stores if command is not None]
    for kind, name in todo:
        job = latest_of(jobs, kind, name)
        if job is None or job.result is not JobResult.SUCCEEDED:
            return Task(kind=kind, name=name, job=job)
    return None


def latest_of(jobs: Sequence[Job], kind: JobKind, name: str) -> Job | None:
    return next((job for job in reversed(jobs) if job.kind is kind and job.name == name), None)


def needed(rollout: Rollout, facts: Facts, ecosystem: Ecosystem) -> DataKey | None:
    """The data that this rollout's instances in that ecosystem still wait for; None: nothing, or not known yet."""
    release = facts.release
    if release is None or not release.definition.databases:
        return None
    lane = ecosystem is Ecosystem.STAGING
    key = data_key(lane_key(rollout, facts.service, release) if lane else production_key(rollout, facts.service))
    return None if key in facts.ready else key


def broken(rollout: Rollout, facts: Facts, ecosystem: Ecosystem) -> Reason | None:
    """Why a migration makes this release unfit."""
    found = _task(rollout, facts, ecosystem)
    if found is None or not found.failed or found.job is None:
        return None
    named: dict[str, str | int | float] = {
        "database": found.name,
        "ecosystem": ecosystem.value,
        "detail": detail(found.job),
        "job": found.job.id,
    }
    return Reason(code="MIGRATION_FAILED", owner=Owner.RELEASE, facts=named)


def unready(rollout: Rollout, facts: Facts, ecosystem: Ecosystem) -> Decision | None:
    """Why its instances in that ecosystem are not put yet; None: not because of its databases."""
    found = _task(rollout, facts, ecosystem)
    if found is None:
        return None
    if found.job is not None and found.job.result is not None and not found.failed:
        return Decision(event=None, reason=_again(found, found.job))
    if found.job is None and (held := _held(rollout, facts, ecosystem)) is not None:
        return Decision(event=None, reason=held)
    where: dict[str, str | int | float] = {"ecosystem": ecosystem.value}
    if found.kind is JobKind.PREPARE:
        return Decision(event=None, reason=Reason(code="PREPARING", owner=Owner.PLATFORM, facts=where))
    began = None if found.job is None else found.job.started
    until = None if began is None or found.job is None else began + found.job.limit
    facts_ = {**where, "database": found.name}
    return Decision(event=None, reason=Reason(code="MIGRATING", owner=Owner.RELEASE, facts=facts_, until=until))


def _held(rollout: Rollout, facts: Facts, ecosystem: Ecosystem) -> Reason | None:
    """What holds back a migration that has not begun."""
    if ecosystem is Ecosystem.STAGING:
        return facts.mirror_data
    return None if rollout.kind is Kind.ROLLBACK else facts.frozen


def _task(rollout: Rollout, facts: Facts, ecosystem: Ecosystem) -> Task | None:
    key = needed(rollout, facts, ecosystem)
    if key is None or facts.release is None:
        return None
    return task(facts.release, [job for job in facts.jobs if key_of(job) == key])


def _again(found: Task, job: Job) -> Reason:
    what = "preparing its databases" if found.kind is JobKind.PREPARE else f"the migration of {found.name}"
    facts: dict[str, str | int | float] = {"detail": f"{what}: {detail(job)}", "attempt": found.attempt}
    return Reason(code="PLATFORM_TROUBLE", owner=Owner.PLATFORM, facts=facts, until=found.due(alone=False))


def detail(job: Job) -> str:
    """How an ended job ended, with its last words: ``exit status 1: relation "orders" does not exist``."""
    status = "ended without an exit status" if job.exit_status is None else f"exit status {job.exit_status}"
    how = {
        JobResult.TIMED_OUT: f"did not end within {job.limit.total_seconds():.0f} s",
        JobResult.LOST: "gave no result",
        JobResult.STOPPED: "was stopped",
    }.get(job.result or JobResult.FAILED, status)
    said = [line.strip() for line in job.log_end.splitlines() if line.strip()]
    return f"{how}: {said[-1][:200]}" if said else how


def behind(key: DataKey, release: Release, jobs: Sequence[Job]) -> Behind:
    """Why an ecosystem's own data is not at that release yet. ``jobs``: those that no rollout waits for."""
    found = task(release, jobs)
    where = f"its databases in {key.ecosystem} are not at production's release yet"
    if found is None or found.job is None or found.job.result is None:
        return Behind(why=where)
    what = "preparing them" if found.kind is JobKind.PREPARE else f"the migration of {found.name}"
    why = f"{where}: {what} failed ({detail(found.job)}), and is tried again; `twinstage logs {found.job.id}`"
    return Behind(why=why, stuck=found.failed)
