"""Keep one ecosystem's sandbox alive: ``python -m twinstage.runtime.local.sandbox.keeper SPEC RECORD``.

A program of the core's supervisor. The sandbox outlives it: a keeper that is killed leaves production running, and the next
one finds the sandbox by its record (pid and start time) and goes on keeping it. Told to stop (SIGTERM), it ends the sandbox.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

_GRACE = 10.0  # seconds for the sandbox to stop what it runs before it is ended
_AGAIN = 0.5  # seconds between two SIGTERMs: one that comes before the sandbox's first process handles them is lost
_START = 20.0  # seconds for bubblewrap to say which process it started


class _Told(Exception):
    """SIGTERM."""


def _told(_number: int, _frame: FrameType | None) -> None:
    raise _Told


def start_time(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None when there is no such process. Source: proc(5), field 22."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _boot() -> str:
    """Which run of the machine: pids and start times begin anew with each."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def running(record: Path) -> int | None:
    """The pid of the recorded sandbox's first process, if that very process still runs."""
    try:
        told = json.loads(record.read_text())
    except (OSError, ValueError):
        return None
    pid = int(told["pid"])
    return pid if told.get("boot") == _boot() and start_time(pid) == told["started"] else None


def start(spec: Path, record: Path) -> int:
    """Start the sandbox, write its record, return the pid of its first process. Raises RuntimeError with bubblewrap's words."""
    readable, writable = os.pipe()
    os.set_inheritable(writable, True)
    launcher = subprocess.Popen(
        [sys.executable, "-m", "twinstage.runtime.local.sandbox.launch", str(spec), str(writable)],
        pass_fds=[writable],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(writable)
    with os.fdopen(readable) as told:
        if not select.select([told], [], [], _START)[0]:
            launcher.kill()
            raise RuntimeError(f"bubblewrap did not start within {_START:.0f} s")
        said = told.read()
    if not said:
        raise RuntimeError(f"cannot start the sandbox of {spec.stem}: the launcher ended with status {launcher.wait()}")
    pid = int(json.loads(said)["child-pid"])
    began = start_time(pid)
    if began is None:
        raise RuntimeError(f"cannot start the sandbox of {spec.stem}: its first process ended at once")
    part = record.with_suffix(".part")
    part.write_text(json.dumps({"pid": pid, "started": began, "boot": _boot()}))
    part.replace(record)
    return pid


def end(pid: int) -> None:
    """SIGTERM to the sandbox's first process, which stops what it runs; SIGKILL when the grace is over. Ends everything inside."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for _ in range(int(_GRACE / _AGAIN)):
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            if select.select([handle], [], [], _AGAIN)[0]:
                return
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], _GRACE)
    except ProcessLookupError:
        pass  # it ended between two of our calls: what we wanted
    finally:
        os.close(handle)


def _reap() -> None:
    """Collect bubblewrap, whose sandbox has just ended, so that not even a dead process is left behind."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _standing(spec: Path, record: Path) -> int:
    """The pid of the sandbox's first process, started if need be. Told to stop meanwhile, it first finishes the start:
    a sandbox that has no record yet is found by nobody, and would stay."""
    early: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: early.append(number))
    pid = running(record)
    if pid is None:
        pid = start(spec, record)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _told)
    if early:
        raise _Told
    return pid


def main(spec: Path, record: Path) -> int:
    try:
        handle = os.pidfd_open(_standing(spec, record))
        select.select([handle], [], [])
    except _Told:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # once is enough: a second one must not end the keeper halfway
        pid = running(record)
        if pid is not None:
            end(pid)
        record.unlink(missing_ok=True)
        _reap()
        return 0
    _reap()
    print(f"the sandbox of {spec.stem} ended; its keeper ends too and is started again", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
