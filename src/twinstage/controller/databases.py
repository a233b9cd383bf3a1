"""Databases: the next job on each release's data, recorded before its instances are put; and lanes' clones go with them.

Each decision is one transaction: the job, its line in the journal, and where a rollout waits for it more time for that. Two
jobs never touch the same data at once, and cloning touches what is cloned.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.freezing import frozen
from twinstage.controller.means import Means
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.desired.desired import lane_stands
from twinstage.forge.git import ForgeTrouble
from twinstage.jobs.databases import ALL, drop_job, key_of, migrate_job, prepare_job
from twinstage.model.database import MAIN, Clone, DataKey
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, LaneId, RolloutId, ServiceName
from twinstage.model.rollout import IN_PRODUCTION, Kind, Rollout
from twinstage.pipeline.databases import Task, latest_of, task
from twinstage.pipeline.states import limit
from twinstage.store.rows import Change, Entry

log = logging.getLogger(__name__)
Touched = tuple[Ecosystem, ServiceName, str]


@dataclass(frozen=True, kw_only=True)
class Need:
    """Data that is wanted and not ready, and the rollout that waits for it; None: what is live does."""

    key: DataKey
    waiting: RolloutId | None


def look_after(means: Means, situation: Situation, sight: Sight) -> Situation:
    """Records what comes next. Returns the situation after that."""
    store, now = means.store, sight.at
    for need in list(needs(situation)):
        change = _next(need, means, means.situation(), now)
        if change is not None:
            store.commit(change)
    for clone in store.clones():
        change = _gone(clone, means, situation, sight)
        if change is not None:
            store.commit(change)
    return means.situation()


def needs(situation: Situation) -> Iterator[Need]:
    """An ecosystem's own data before lanes': those are cloned from it."""
    for eco in Ecosystem:
        for want in situation.wants[eco]:
            for release, data in want.migrate:
                key = DataKey(ecosystem=eco, service=want.service, data=data, release=release)
                if key not in situation.ready:
                    yield Need(key=key, waiting=_waiting(key, situation.open_of(want.service)))


def _waiting(key: DataKey, mine: Sequence[Rollout]) -> RolloutId | None:
    for rollout in mine:
        there = rollout.state in IN_PRODUCTION and key.ecosystem is Ecosystem.PRODUCTION
        if rollout.release == key.release and (there or rollout.lane == key.data):
            return rollout.id
    return None


def _next(need: Need, means: Means, situation: Situation, now: datetime) -> Change | None:
    key, release = need.key, situation.releases[need.key.release]
    rollout = situation.rollouts[need.waiting] if need.waiting else None
    todo = task(release, [j for j in means.store.data_jobs(key) if j.rollout == need.waiting])
    if todo is None:
        return _ready(key, rollout, situation, now)
    if todo.job is not None and todo.job.result is None:
        return None
    if rollout is not None and todo.failed:
        return None  # The pipeline ends the rollout for it.
    due = todo.due(alone=rollout is None)
    if (due is not None and now < due) or _held(todo, key, rollout, situation):
        return None
    job = _job(todo, key, rollout, means, situation)
    busy = {data for other in means.store.jobs(unfinished=True) for data in touches(other)}
    if job is None or touches(job) & busy:
        return None
    clones = (Clone(service=key.service, lane=LaneId(key.data), release=key.release, since=now),)
    begun = Change(at=now, jobs=(job,), clones=clones if key.data != MAIN else (), journal=(_begun(job),))
    if rollout is None:
        return begun
    longer = max(rollout.deadline, now + job.limit + limit(rollout.state, situation.policy))
    return replace(begun, rollouts=((rollout, replace(rollout, deadline=longer)),))


def touches(job: Job) -> set[Touched]:
    """The data that this job reads or writes."""
    key = key_of(job)
    if key is None:
        return set()
    found = {(key.ecosystem, key.service, key.data)}
    return found | {(key.ecosystem, key.service, MAIN)} if job.kind is JobKind.PREPARE else found


def _held(todo: Task, key: DataKey, rollout: Rollout | None, situation: Situation) -> bool:
    """By something else than the data itself: a freeze holds what has not begun, a clone needs what it is made of."""
    if key.data != MAIN:
        source = situation.behind.get(key.service)
        # A lane of the release that helps must not wait for help.
        return todo.kind is JobKind.PREPARE and source is not None and not source.stuck
    first = todo.kind is JobKind.PREPARE and todo.job is None
    return (
        first and rollout is not None and rollout.kind is not Kind.ROLLBACK and frozen(rollout, situation) is not None
    )


def _job(todo: Task, key: DataKey, rollout: Rollout | None, means: Means, situation: Situation) -> Job | None:
    """None: the commit cannot be exported now; see the log."""
    release = situation.releases[key.release]
    if todo.kind is JobKind.PREPARE:
        return prepare_job(key, release, rollout, todo.attempt)
    try:
        # Of what is live already the export may have been collected.
        source = means.shelf.export(situation.services[key.service], release.commit)
    except (ForgeTrouble, OSError) as trouble:
        log.warning("cannot migrate %s of %s in %s: %s", todo.name, key.service, key.ecosystem, trouble)
        return None
    return migrate_job(key, release, todo.name, rollout, source, situation.policy, todo.attempt)


def _ready(key: DataKey, rollout: Rollout | None, situation: Situation, now: datetime) -> Change:
    """From here its instances may start: what they may take begins now, not when the migration did."""
    line = _line(key, rollout, f"{_whose(key)} databases are ready for {key.release}", "ready")
    ready = Change(at=now, ready=(key,), journal=(line,))
    if rollout is None:
        return ready
    return replace(
        ready, rollouts=((rollout, replace(rollout, deadline=now + limit(rollout.state, situation.policy))),)
    )


def _gone(clone: Clone, means: Means, situation: Situation, sight: Sight) -> Change | None:
    """A lane's data goes once nothing of the lane is left: no rollout, no instance, no job."""
    staging = sight.seen.get(Ecosystem.STAGING)
    if staging is None or lane_stands(clone.lane, situation.open_of(clone.service)):
        return None
    if any(k.service == clone.service and k.data == clone.lane for k in staging.workloads):
        return None
    if any(j.service == clone.service and clone.lane in (j.lane, j.data) for j in means.store.jobs(unfinished=True)):
        return None
    release = situation.releases[clone.release]
    key = DataKey(ecosystem=Ecosystem.STAGING, service=clone.service, data=clone.lane, release=clone.release)
    before = [j for j in means.store.data_jobs(key) if j.kind is JobKind.DROP]
    # Drops of an earlier life of the lane say nothing of this one.
    job = latest_of([j for j in before if j.ended is None or j.ended >= clone.since], JobKind.DROP, ALL)
    if job is not None and job.result is JobResult.SUCCEEDED:
        line = _line(key, None, f"{_whose(key)} databases are gone, as the lane is", "gone")
        return Change(at=sight.at, dropped=(clone,), journal=(line,))
    due = Task(kind=JobKind.DROP, name=ALL, job=job).due(alone=True)
    if due is not None and sight.at < due:
        return None
    drop = drop_job(key, release, len(before) + 1)
    return Change(at=sight.at, jobs=(drop,), journal=(_begun(drop),))


def _begun(job: Job) -> Entry:
    key = key_of(job)
    assert key is not None, "a job on databases says which"
    what = {
        JobKind.PREPARE: f"prepares {_whose(key)} databases",
        JobKind.MIGRATE: f"migrates {job.name} of {_whose(key)} databases",
        JobKind.DROP: f"drops {_whose(key)} databases",
    }[job.kind]
    return replace(_line(key, None, f"{what} for {key.release}", job.id), rollout=job.rollout)


def _line(key: DataKey, rollout: Rollout | None, why: str, after: str) -> Entry:
    return Entry(
        who=TWINSTAGE,
        what="database",
        why=why,
        service=key.service,
        rollout=rollout.id if rollout else None,
        release=key.release,
        after=after,
    )


def _whose(key: DataKey) -> str:
    return f"{key.ecosystem.value}'s own" if key.data == MAIN else f"lane {key.data}'s"
