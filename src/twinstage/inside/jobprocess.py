"""One process group: started, listened to, ended in time."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

from twinstage.inside.joblog import JobLog
from twinstage.inside.room import Room

LEFTOVER = 2.0
"""Seconds in which output is still read after the process has ended, should somebody else hold the pipe open."""


class Signals:
    """Being told to stop, and children that ended, as something a selector can wait for. One at a time per process."""

    def __init__(self) -> None:
        self.stopping = False
        self.reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._earlier = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        os.close(self.reader)
        os.close(self._writer)

    def clear(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self.reader, 512):
                pass

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.stopping = True


@dataclass(frozen=True, kw_only=True)
class Ending:
    """``status`` is 0-255, 128 + the signal's number where one ended it; ``cause`` is "", "stopped", "timed-out" or "too-large"."""

    status: int
    cause: str
    signal: str


def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    log: JobLog,
    *,
    limit: float,
    grace: float,
    signals: Signals,
    room: Room | None = None,
) -> Ending:
    """Run ``argv`` in a session of its own, for ``limit`` seconds and in its room at most. OSError if it cannot start."""
    child = subprocess.Popen(
        argv,
        env=dict(environment),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o022,
    )
    try:
        cause = _listen(child, log, limit, grace, signals, room)
    finally:
        # Also when the disk is full: nothing of the job outlives its wrapper's interest in it.
        _signal(child, signal.SIGKILL)
        child.wait()
        if child.stdout:
            child.stdout.close()
    status = child.returncode
    name = signal.Signals(-status).name if status < 0 else ""
    return Ending(status=128 - status if status < 0 else status, cause=cause, signal=name)


def _listen(
    child: subprocess.Popen[bytes], log: JobLog, limit: float, grace: float, signals: Signals, room: Room | None
) -> str:
    assert child.stdout is not None
    output = child.stdout.fileno()
    os.set_blocking(output, False)
    cause, end_at, kill_at = "", time.monotonic() + limit, float("inf")
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        selector.register(signals.reader, selectors.EVENT_READ)
        while not _ended(child):
            now = time.monotonic()
            too_large = not cause and room is not None and room.exceeded()
            if not cause and (signals.stopping or now >= end_at or too_large):
                cause = "stopped" if signals.stopping else "timed-out" if now >= end_at else "too-large"
                kill_at, end_at = now + grace, float("inf")
                _signal(child, signal.SIGTERM)
            if now >= kill_at:
                kill_at = float("inf")
                _signal(child, signal.SIGKILL)
            # A day at most: select takes no infinite time, and nothing is lost by looking again.
            look_at = room.due if room is not None and not cause else float("inf")
            for key, _ in selector.select(max(0, min(end_at - now, kill_at - now, look_at - now, 86_400))):
                if key.fd == output:
                    if not _copy(output, log):
                        selector.unregister(output)
                else:
                    signals.clear()
        # The rest of its group first, or a straggler could keep the pipe open.
        _signal(child, signal.SIGKILL)
        _drain(output, log)
    return cause


def _drain(output: int, log: JobLog) -> None:
    until = time.monotonic() + LEFTOVER
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while selector.select(max(until - time.monotonic(), 0)):
            if not _copy(output, log):
                return


def _copy(output: int, log: JobLog) -> bool:
    """One read's worth. False: nothing will come any more."""
    try:
        data = os.read(output, 65536)
    except BlockingIOError:
        return True
    log.write(data)
    return bool(data)


def _ended(child: subprocess.Popen[bytes]) -> bool:
    """Without reaping it: until then its group's number cannot be anybody else's."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
