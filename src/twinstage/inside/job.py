"""Runs one job once, whatever happens: ``python -m twinstage.inside.job SPEC.json``.

supervisord starts it inside the place's sandbox; the job's own sandbox is the command it is told to run. The directory
of the job is the memory: ``started.json`` exists exactly when the job was begun, ``result.json`` exactly when it has
ended, ``log`` is its output. Begun but neither ended nor running is LOST, and is never begun again: the next attempt is
another job. The exit status is 0 once a result is written, else 2 with a message.

The spec: ``id``, ``directory``, ``limit`` (seconds), ``argv``, ``environment`` (all of argv's), ``source`` and
``unpack`` (a tar file and where to unpack it, or null), ``seal`` (the artifact's directory of a build, or null),
``log_bytes``, ``room`` (bytes that the job may write; unbounded without), ``ended`` (where the launcher tells why its
command ended); and ``grace`` (seconds between SIGTERM and SIGKILL), ``beyond`` (where a sealed symlink may lead besides
the system), ``measure`` (a migration's: a command that tells the database's schema, run before and after), ``ours``
(true: nobody's release is to blame for what the command comes to).
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twinstage.inside.export import Interrupted, Unusable, remove, unpack
from twinstage.inside.joblog import JobLog
from twinstage.inside.jobprocess import Signals, run
from twinstage.inside.measuring import Unmeasured, measured
from twinstage.inside.outcome import Outcome, read
from twinstage.inside.room import Room
from twinstage.inside.seal import Unsealable, digest, normalise

Clock = Callable[[], datetime]
_BEFORE = "before.json"


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
    measure: tuple[str, ...]
    ours: bool
    room: int | None = None
    ended: Path | None = None

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
            measure=tuple(map(str, told.get("measure") or ())),
            ours=bool(told.get("ours")),
            room=int(told["room"]) if told.get("room") else None,
            ended=_place(told.get("ended")),
        )


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
        outcome = _between_measures(spec, signals) if spec.measure else _run(spec, signals)
        if outcome.result == "succeeded" and spec.seal is not None:
            normalise(spec.seal, spec.beyond)
            return Outcome(result="succeeded", exit_status=0, output={"digest": digest(spec.seal)})
        return outcome
    except Interrupted:
        return Outcome(result="stopped", detail="stopped before its command began")
    except (Unusable, Unsealable) as wrong:
        return Outcome(result="failed", detail=str(wrong))
    except Unmeasured as trouble:
        return Outcome(result="stopped" if signals.stopping else "lost", detail=str(trouble))
    except OSError as trouble:
        return Outcome(result="lost", detail=f"cannot run the job: {trouble}")


def _run(spec: Spec, signals: Signals) -> Outcome:
    with JobLog(spec.directory / "log", spec.log_bytes) as log:
        room = Room(spec.unpack, spec.room) if spec.room and spec.unpack else None
        ending = run(spec.argv, spec.environment, log, limit=spec.limit, grace=spec.grace, signals=signals, room=room)
    outcome = read(ending, log.beginning, limit=spec.limit, room=spec.room, ended=spec.ended)
    blamed = outcome.result in ("failed", "timed-out")
    return replace(outcome, result="lost") if spec.ours and blamed else outcome


def _between_measures(spec: Spec, signals: Signals) -> Outcome:
    """A migration: what it did is measured, whatever its end. The first measure outlives us: it cannot be had again."""
    before = measured(spec.measure, spec.environment, spec.directory, signals)
    output = {"schema_before": before.schema}
    _write_aside(spec.directory, output).rename(spec.directory / _BEFORE)
    outcome = _run(spec, signals)
    ended = outcome.result in ("succeeded", "failed")
    try:
        after = measured(spec.measure, spec.environment, spec.directory, signals)
    except (Unmeasured, OSError) as trouble:
        return _also(outcome, str(trouble), output, lost=ended)
    output["schema_after"] = after.schema
    if outcome.result == "failed" and after.server != before.server:
        return _also(outcome, "the database server was started again meanwhile", output, lost=True)
    return replace(outcome, output=output)


def _also(outcome: Outcome, detail: str, output: Mapping[str, str], *, lost: bool) -> Outcome:
    """With trouble of the platform added; ``lost``: that is what its end comes to."""
    said = "; ".join(part for part in (outcome.detail, detail) if part)
    return replace(outcome, result="lost" if lost else outcome.result, output=output, detail=said)


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
    before = spec.directory / _BEFORE
    output: Mapping[str, str] = json.loads(before.read_text()) if before.exists() else {}
    lost = Outcome(result="lost", detail=detail, output=output)
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
