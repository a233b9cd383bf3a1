"""What came of a job, and how its end is read."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from twinstage.inside.jobprocess import Ending


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """``result`` is one of succeeded, failed, timed-out, lost, stopped (model.job.JobResult)."""

    result: str
    exit_status: int | None = None
    output: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""


def read(ending: Ending, beginning: bytes, *, limit: float, room: int | None, ended: Path | None) -> Outcome:
    """``beginning``: of the log; ``limit``: seconds and ``room``: bytes that it had; ``ended``: where its launcher tells why."""
    if ending.cause == "stopped":
        return Outcome(result="stopped", exit_status=ending.status, detail="stopped when asked to")
    if ending.cause == "timed-out":
        detail = f"still running after its limit of {limit:g} s"
        return Outcome(result="timed-out", exit_status=ending.status, detail=detail)
    if ending.cause == "too-large":
        detail = f"ended: it wrote more than the {(room or 0) >> 20} MiB that a job may (`limits.work` of the standard)"
        return Outcome(result="failed", exit_status=ending.status, detail=detail)
    if ending.status == 0:
        return Outcome(result="succeeded", exit_status=0)
    complaint = _complaint(beginning)
    if complaint:
        return Outcome(result="lost", exit_status=ending.status, detail=complaint)
    name = _signal(ending.status)
    detail = f"ended by {name}" if name else f"exit status {ending.status}"
    if name == "SIGXFSZ":
        detail += ": it wrote a larger file than a job may (`limits.work` of the standard)"
    if ended is not None and _killed_for_memory(ended):
        detail = "killed: it used more memory than a job may (`limits.memory` of the standard)"
    return Outcome(result="failed", exit_status=ending.status, detail=detail)


def _signal(status: int) -> str:
    """A status above 128 names the signal that ended it; empty otherwise."""
    return next((one.name for one in signal.Signals if one.value == status - 128), "")


def _killed_for_memory(ended: Path) -> bool:
    try:
        return "memory" in ended.read_text().split()
    except FileNotFoundError:
        return False


def _complaint(beginning: bytes) -> str:
    """The sandbox's words, or ours, when there are none but those: the command never ran, so the release is not to blame."""
    lines = beginning.decode(errors="replace").strip().splitlines()
    if lines and all(line.startswith("bwrap: ") and "execvp" not in line for line in lines):
        return f"cannot make the job's sandbox: {lines[-1]}"
    if lines and all(line.startswith("twinstage: ") for line in lines):
        return lines[-1].removeprefix("twinstage: ")
    return ""
