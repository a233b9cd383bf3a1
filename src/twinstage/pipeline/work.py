"""A rollout's jobs: which is the latest, what to do when the platform loses one, when one has run for too long."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from twinstage.model.facts import BACKOFF, Decision
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import JobId
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Rollout

NO_RESULT = frozenset({JobResult.LOST, JobResult.STOPPED})
"""Ends that say nothing about the release. A job stopped while its rollout still needs it is as good as lost."""

GRACE = timedelta(seconds=30)
"""How much later than its own limit a job's end may be seen before the job itself is blamed."""


def latest(jobs: Sequence[Job], kind: JobKind, name: str, round: int) -> Job | None:
    """``jobs`` oldest first."""
    return next((j for j in reversed(jobs) if j.kind is kind and j.name == name and j.round == round), None)


def again(job: Job, attempt: int) -> Job:
    """The same work as another attempt."""
    return replace(
        job,
        id=JobId(f"{job.rollout}.{job.kind.value}.{job.name}.{job.round}.{attempt}"),
        attempt=attempt,
        result=None,
        exit_status=None,
        started=None,
        ended=None,
        output={},
        log_end="",
    )


def regain(rollout: Rollout, lost: Sequence[Job], running: Reason, now: datetime) -> Decision:
    """What to do about work that has no result: wait a little longer each time, then do it again.

    ``lost``: the latest job of each name that is lost. ``running``: the reason once it runs again. The platform is
    blamed, so the state stays and the rollout's attempt counts up.
    """
    if any(job.attempt >= rollout.attempt for job in lost):
        pause = BACKOFF[min(rollout.attempt, len(BACKOFF)) - 1]
        names = ", ".join(sorted(job.name for job in lost))
        facts: dict[str, str | int | float] = {"detail": f"{names} gave no result", "attempt": rollout.attempt + 1}
        reason = Reason(code="PLATFORM_TROUBLE", owner=Owner.PLATFORM, facts=facts, until=now + pause)
        return Decision(event=None, reason=reason, retry_at=now + pause)
    if rollout.retry_at is not None and now < rollout.retry_at:
        return Decision(event=None, reason=rollout.reason, retry_at=rollout.retry_at)
    return Decision(event=None, reason=running, jobs=tuple(again(job, rollout.attempt) for job in lost))


def overdue(rollout: Rollout, jobs: Sequence[Job], now: datetime) -> bool:
    """Has the state's time run out by the work's own fault?

    Only when all that is unfinished has run beyond its own limit: a job that started late, or was lost, or has not
    started, is the platform's trouble, and the release is not blamed for it.
    """
    unfinished = [job for job in jobs if job.result is None]
    return (
        now >= rollout.deadline
        and bool(unfinished)
        and all(job.started is not None and now >= job.started + job.limit + GRACE for job in unfinished)
    )
