"""Runs one job once, whatever happens: ``python -m twinstage.inside.job SPEC.json``.

supervisord starts it inside the place's sandbox; the job's own sandbox is the command it is told to run. The directory
of the job is the memory: ``started.json`` exists exactly when the job was begun, ``result.json`` exactly when it has
ended, ``log`` is its output. Begun but neither ended nor running is LOST, and is never begun again: the next attempt is
another job. The exit status is 0 once a result is written, else 2 with a message.

The spec: ``id``, ``directory``, ``limit`` (seconds), ``argv``, ``environment`` (all of argv's), ``source`` and
``unpack`` (a tar file and where to unpack it, or null), ``seal`` (the artifact's directory of a build, or null),
``log_bytes``; and ``grace`` (seconds between SIGTERM and SIGKILL), ``beyond`` (where a sealed symlink may lead besides
the system).
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twinstage.inside.export import Interrupted, Unusable, remove, unpack
from twinstage.inside.joblog import JobLog
from twinstage.inside.jobprocess import Ending, Signals, run
from twinstage.inside.seal import Unsealable, digest, normalise

Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What the runtime wrote. Raises KeyError, TypeError or ValueError when it is none."""

    id: str
    directory: Path
    limit: float
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    source: Path | None
    unpack: Path | None
    seal: Path | None
    log_bytes: int
    grace: float
    beyond: tuple[str, ...]

    @staticmethod
    def read(path: Path) -> "Spec":
        told: dict[str, Any] = json.loads(path.read_text())
        return Spec(
            id=str(told["id"]),
            directory=Path(told["directory"]),
            limit=float(told["limit"]),
            argv=tuple(map(str, told["argv"])),
            environment={str(name): str(value) for name, value in told["environment"].items()},
            source=_place(told.get("source")),
            unpack=_place(told.get("unpack")),
            seal=_place(told.get("seal")),
            log_bytes=int(told.get("log_bytes") or 1024**2),
            grace=float(told.get("grace", 5)),
            beyond=tuple(map(str, told.get("beyond", ()))),
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """``result`` is one of succeeded, failed, timed-out, lost, stopped (model.job.JobResult)."""

    result: str
    exit_status: int | None = None
    output: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""


def perform(spec: Spec, signals: Signals, now: Clock) -> None:
    """Begin, work, clean up, write the result; or, when it was begun before, say LOST without running anything."""
    began = now()
    earlier = _begin(spec.directory, began)
    if earlier is not None:
        _account(spec, earlier, now)
        return
    outcome = _work(spec, signals)
    try:
        # Before the result: whoever reads it may start the next attempt at the same place at once.
        if spec.unpack and not (outcome.result == "succeeded" and spec.unpack == spec.seal):
            remove(spec.unpack)
    except OSError as trouble:
        outcome = Outcome(result="lost", detail=f"cannot remove the working copy: {trouble}")
    _write_result(spec.directory, outcome, began, now())


def _work(spec: Spec, signals: Signals) -> Outcome:
    """Never raises for trouble of release or platform: each is an outcome."""
    try:
        if spec.seal is not None:
            remove(spec.seal)
        if spec.source is not None and spec.unpack is not None:
            unpack(spec.source, spec.unpack, lambda: signals.stopping)
        with JobLog(spec.directory / "log", spec.log_bytes) as log:
            ending = run(spec.argv, spec.environment, log, limit=spec.limit, grace=spec.grace, signals=signals)
        outcome = _read(ending, spec.limit, log.beginning)
        if outcome.result == "succeeded" and spec.seal is not None:
            normalise(spec.seal, spec.beyond)
            return Outcome(result="succeeded", exit_status=0, output={"digest": digest(spec.seal)})
        return outcome
    except Interrupted:
        return Outcome(result="stopped", detail="stopped before its command began")
    except (Unusable, Unsealable) as wrong:
        return Outcome(result="failed", detail=str(wrong))
    except OSError as trouble:
        return Outcome(result="lost", detail=f"cannot run the job: {trouble}")


def _read(ending: Ending, limit: float, beginning: bytes) -> Outcome:
    if ending.cause == "stopped":
        return Outcome(result="stopped", exit_status=ending.status, detail="stopped when asked to")
    if ending.cause == "timed-out":
        detail = f"still running after its limit of {limit:g} s"
        return Outcome(result="timed-out", exit_status=ending.status, detail=detail)
    if ending.status == 0:
        return Outcome(result="succeeded", exit_status=0)
    complaint = _sandbox_complaint(beginning)
    if complaint:
        return Outcome(result="lost", exit_status=ending.status, detail=f"cannot make the job's sandbox: {complaint}")
    detail = f"ended by {ending.signal}" if ending.signal else f"exit status {ending.status}"
    return Outcome(result="failed", exit_status=ending.status, detail=detail)


def _sandbox_complaint(beginning: bytes) -> str:
    """bwrap's own words when it said nothing but those: the command never ran, so the release is not to blame."""
    lines = beginning.decode(errors="replace").strip().splitlines()
    ours = lines and all(line.startswith("bwrap: ") and "execvp" not in line for line in lines)
    return lines[-1] if ours else ""


def _begin(directory: Path, began: datetime) -> Mapping[str, Any] | None:
    """Take the job, once and for all. None: it is ours; otherwise what an earlier start wrote.

    Written aside and linked into place: exclusive like O_EXCL, and nobody ever sees half of it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    mark = directory / "started.json"
    aside = _write_aside(directory, {"pid": os.getpid(), "born": _born(os.getpid()), "started": _iso(began)})
    try:
        os.link(aside, mark)
    except FileExistsError:
        found: Mapping[str, Any] = json.loads(mark.read_text())
        return found
    finally:
        aside.unlink()
    _sync(directory)
    return None


def _account(spec: Spec, earlier: Mapping[str, Any], now: Clock) -> None:
    """A second start. Writes LOST unless the first has ended or still runs."""
    if (spec.directory / "result.json").exists() or _born(int(earlier["pid"])) == earlier["born"]:
        return
    detail = "it was begun and is gone without a result: the machine or its sandbox ended"
    try:
        # A build's directory is left: by now the next attempt may be building there.
        if spec.unpack is not None and spec.unpack != spec.seal:
            remove(spec.unpack)
    except OSError as trouble:
        detail += f"; cannot remove the working copy: {trouble}"
    lost = Outcome(result="lost", detail=detail)
    _write_result(spec.directory, lost, datetime.fromisoformat(earlier["started"]), now())


def _born(pid: int) -> str:
    """Names a process for good: boot, and start time since boot. Empty when it does not run.

    A pid alone comes again soon: a new sandbox counts from 1.
    """
    try:
        # The second field is the program's name in parentheses and may hold anything.
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if status[0] in "ZX" else f"{boot}/{status[19]}"


def _write_result(directory: Path, outcome: Outcome, began: datetime, ended: datetime) -> None:
    result = {
        "result": outcome.result,
        "exit_status": outcome.exit_status,
        "started": _iso(began),
        "ended": _iso(ended),
        "output": dict(outcome.output),
        "detail": outcome.detail[:2000],
    }
    _write_aside(directory, result).rename(directory / "result.json")
    _sync(directory)


def _write_aside(directory: Path, content: Mapping[str, Any]) -> Path:
    handle, name = tempfile.mkstemp(prefix=".", suffix=".json", dir=directory)
    with os.fdopen(handle, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fchmod(file.fileno(), 0o640)
        os.fsync(file.fileno())
    return Path(name)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _place(told: str | None) -> Path | None:
    return Path(told) if told else None


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m twinstage.inside.job SPEC.json", file=sys.stderr)
        return 2
    with Signals() as signals:
        os.umask(0o027)
        try:
            spec = Spec.read(Path(sys.argv[1]))
            perform(spec, signals, lambda: datetime.now(UTC))
        except (OSError, KeyError, TypeError, ValueError) as trouble:
            print(f"cannot run the job of {sys.argv[1]}: {trouble!r}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
