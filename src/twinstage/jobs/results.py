"""How an ended job reads as evidence. Pure."""

from datetime import datetime, timedelta

from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.release import Evidence

WORKSHOP = "workshop"
"""Who vouches for a gate that ran here."""

LOG_END = 8_000
"""Characters of a log kept with evidence: enough to see why, little enough to store a thousand times."""

_ABOUT_THE_RELEASE = frozenset({JobResult.SUCCEEDED, JobResult.FAILED, JobResult.TIMED_OUT})


def evidence(job: Job, tree: str, now: datetime) -> Evidence | None:
    """A gate's result for its commit; None while it runs, and when its end says nothing about the release.

    Lost and stopped jobs say nothing. ``now`` dates it only where the job itself does not say when it ended.
    """
    if job.kind is not JobKind.GATE or job.result not in _ABOUT_THE_RELEASE:
        return None
    return Evidence(
        service=job.service,
        commit=job.commit,
        tree=tree,
        gate=job.name,
        passed=job.result is JobResult.SUCCEEDED,
        by=WORKSHOP,
        at=job.ended or now,
        detail=_detail(job),
        job=job.id,
        exit_status=job.exit_status,
        seconds=seconds(job),
        log_end=job.log_end[-LOG_END:],
    )


def seconds(job: Job) -> float | None:
    """How long it ran; None where it did not start or end."""
    if job.started is None or job.ended is None:
        return None
    return max(0.0, (job.ended - job.started).total_seconds())


def _detail(job: Job) -> str:
    if job.result is JobResult.SUCCEEDED:
        return "passed"
    if job.result is JobResult.TIMED_OUT:
        return f"did not end within {_duration(job.limit)}"
    return "ended without an exit status" if job.exit_status is None else f"exit status {job.exit_status}"


def _duration(limit: timedelta) -> str:
    whole = round(limit.total_seconds())
    return f"{whole // 60} min" if whole >= 60 and whole % 60 == 0 else f"{whole} s"
