"""The boundary is tried: soon after a controller's start, once an hour, and when somebody asks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome
from twinstage.controller.situation import Situation
from twinstage.jobs.probe import probe_job
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import Intent
from twinstage.store.rows import Change


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """When it is tried without being asked for."""

    first: timedelta = timedelta(seconds=15)
    """After a controller's start: what starts with it comes first."""
    every: timedelta = timedelta(hours=1)
    least: timedelta = timedelta(minutes=10)
    """Between two: a controller that starts again and again must not do nothing else."""


class Prober:
    """Times are those of the ticks."""

    def __init__(self, means: Means, rhythm: Rhythm | None) -> None:
        self._means, self._rhythm = means, rhythm
        self._due: datetime | None = None

    def probe(self, now: datetime) -> None:
        """Records the jobs when they are due: they start as all jobs do."""
        if self._rhythm is None:
            return
        if self._due is None:
            self._due = now + self._rhythm.first
        if now < self._due:
            return
        self._due = now + self._rhythm.every
        jobs = begun(self._means, now - self._rhythm.least)
        if jobs:
            self._means.store.commit(Change(at=now, jobs=jobs))


def prove(_intent: Intent, _situation: Situation, means: Means, now: datetime) -> Outcome:
    """Because somebody asks."""
    jobs = begun(means, None)
    if not jobs:
        return Outcome(answer="the boundary of both ecosystems is being tried already")
    where = " and ".join(job.place.value for job in jobs)
    return Outcome(answer=f"trying every known way out of {where}", change=Change(at=now, jobs=jobs))


def begun(means: Means, since: datetime | None) -> tuple[Job, ...]:
    """A probe of each ecosystem where none is under way, and none has ended ``since`` then."""
    jobs = []
    for ecosystem in Ecosystem:
        last = means.store.probe(ecosystem)
        busy = last is not None and last.result is None
        fresh = since is not None and last is not None and last.ended is not None and last.ended > since
        if not busy and not fresh:
            jobs.append(probe_job(ecosystem, means.new_id()[:8]))
    return tuple(jobs)
