"""How the result that a job's wrapper left reads."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from twinstage.jobs import probe
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.runtime.local.files import tail

_LOG_END = 4000  # bytes of a job's log that travel with its result


def read(job: Job, directory: Path) -> Job | None:
    """The job with its result, or None while there is none. Raises ValueError for a file that is none of ours."""
    try:
        told = json.loads((directory / "result.json").read_text())
    except FileNotFoundError:
        return None
    said = tail(directory / "log", _LOG_END)
    read = replace(
        job,
        result=JobResult(told["result"]),
        exit_status=told.get("exit_status"),
        started=_time(told.get("started")),
        ended=_time(told.get("ended")),
        output={_text(str(k)): _text(str(v)) for k, v in (told.get("output") or {}).items()},
        log_end=_text("\n".join(part for part in (said.rstrip(), str(told.get("detail", ""))) if part)),
    )
    return _probed(read, directory) if job.kind is JobKind.PROBE and read.result is JobResult.SUCCEEDED else read


def _probed(job: Job, directory: Path) -> Job:
    """What it says of each way out is in its log: kept are how many there were, and which of them were open."""
    try:
        found = probe.trials((directory / "log").read_text(errors="replace"))
    except (ValueError, OSError) as trouble:
        return replace(job, result=JobResult.LOST, log_end=str(trouble))
    return replace(job, output=probe.output(found))


def running(job: Job, directory: Path) -> Job:
    """The job without a result yet, with when it began where it has begun."""
    try:
        told = json.loads((directory / "started.json").read_text())
    except FileNotFoundError:
        return job
    return replace(job, started=_time(told.get("started")))


def lost(job: Job, detail: str) -> Job:
    """A job that neither runs nor has a result of its own."""
    return replace(job, result=JobResult.LOST, log_end=detail)


def _text(said: str) -> str:
    """JSON can hold halves of characters, and a name in a message be no text at all; no answer with one could be sent."""
    return said.encode("utf-8", "backslashreplace").decode()


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
