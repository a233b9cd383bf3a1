"""One visit to an instance: who keeps it, and what ends it.

Three processes, each the parent of the next. The *keeper* stands in the place's processes, entered the instance's namespaces and is
seen by nobody in there; it talks to the core. The *host* is in the instance and has all its walls already; whatever the visitor's
command starts and leaves behind comes to it, and goes when the visit ends. The *command* is the instance's equal in everything.

The instance's end ends all of them, since its first process does. So does whatever makes the keeper go away.
"""

import fcntl
import os
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from twinstage.inside import guest
from twinstage.inside.exchange import Notes, close
from twinstage.inside.quiet import Quiet, at_terminal, of_processes
from twinstage.inside.standing import Standing

_POLITE = 1.0
"""Seconds from the hang-up until what is left is killed."""
_PATIENCE = 10.0
"""Seconds for everything to be gone, once it is killed."""
_LOOK = 20.0
"""Seconds between two looks at how long nothing has happened, at most."""


@dataclass(frozen=True, kw_only=True)
class Terminal:
    kind: str
    rows: int
    columns: int


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Seconds: ``longest`` of any visit, ``idle`` of one in which nothing happens."""

    longest: float
    idle: float


def keep(
    visitor: Notes, life: int, standing: Standing, command: Sequence[str], terminal: Terminal | None, rules: Rules
) -> None:
    """From the command's start to the end of all it started. Tells the visitor both. ``life``: readable when we are to end.

    Raises Absent or OSError where it does not begin.
    """
    guest.sooner(standing.sooner)
    guest.hide()
    theirs, ours = ([], []) if terminal else _pipes()
    proc = os.open(
        "/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    )  # in the instance's own our children have other numbers
    standing.enter()
    name = ""
    if terminal:
        theirs, ours, name = _terminal(terminal)
    ended, told = os.pipe()
    held, holding = os.pipe()
    host = os.fork()
    if not host:
        visitor.close()
        close([*ours, ended, holding, proc])
        _host(standing, command, theirs, terminal.kind if terminal else None, held=held, told=told)
    close([*theirs, told, held])
    try:
        visitor.send(ours, ok=True)
        close(ours)
        why = _wait(visitor, life, ended, Quiet(at_terminal(name) if terminal else of_processes(proc, host)), rules)
        why = "silent" if why == "idle" and not terminal else why
    except OSError:
        why = "left"
    os.close(holding)  # the hang-up
    said = _outcome(host, ended)
    if said is None:
        why = "instance" if standing.over(_POLITE) else "killed"
    with suppress(OSError):
        visitor.send(status=128 + signal.SIGKILL if said is None else said, ended=why)


def _outcome(host: int, ended: int) -> int | None:
    """The command's status; None where the host was killed. The instance's first process cannot end before we have taken
    notice of the host's end: no moment is lost."""
    if not select.select([ended], [], [], _POLITE + _PATIENCE)[0]:
        os.kill(host, signal.SIGKILL)
    said = os.read(ended, 16)
    os.waitpid(host, 0)
    return int(said) if said else None


def _pipes() -> tuple[list[int], list[int]]:
    (in_read, in_write), (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe(), os.pipe()
    return [in_read, out_write, err_write], [in_write, out_read, err_read]


def _terminal(terminal: Terminal) -> tuple[list[int], list[int], str]:
    """One of the instance's own: its /dev/pts is mounted here by now."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", terminal.rows, terminal.columns, 0, 0))
    return [theirs], [ours], os.ttyname(theirs)


def _wait(visitor: Notes, life: int, ended: int, quiet: Quiet, rules: Rules) -> str:
    """Until something ends it. Returns what: empty, where the command did."""
    until = time.monotonic() + rules.longest
    look = min(_LOOK, rules.idle / 4)
    while (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select([visitor.fileno(), life, ended], [], [], min(left, look))
        if ended in ready:
            return ""
        if visitor.fileno() in ready:
            return "left"
        if life in ready:
            return "down"
        if quiet.seconds() > rules.idle:
            return "idle"
    return "longest"


# ------------------------------------------------------------------------------------------------ inside the instance


def _host(
    standing: Standing, command: Sequence[str], streams: Sequence[int], terminal: str | None, *, held: int, told: int
) -> NoReturn:
    """``held``: at its end when the visit is over; ``told``: where the command's status goes when all is gone."""
    status = guest.NOT_RUN
    try:
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        guest.wall(standing.filter)
        guest.adopt_orphans()
        us, child = os.getpid(), os.fork()
        if not child:
            guest.die_with_parent(signal.SIGKILL)
            if os.getppid() != us:
                os._exit(guest.NOT_RUN)
            signal.set_wakeup_fd(-1)
            guest.become(standing, command, [streams[0], streams[-2 % len(streams)], streams[-1]], terminal)
        guest.leave_open(held, told, woken, wake)  # not even the place's own log
        status = _serve(child, held, woken)
        _clear(woken)
    except OSError as error:
        with suppress(OSError):
            os.write(streams[-1], f"twinstage: {error}\n".encode())
    finally:
        os.write(told, str(status).encode())
        os._exit(0)


def _serve(child: int, held: int, woken: int) -> int:
    """The command's status, as a shell tells it. At the hang-up it is told, and killed a moment later."""
    kill_at = float("inf")
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if pid:
            continue
        now = time.monotonic()
        if now >= kill_at:
            _signal(signal.SIGKILL)
        ready, _, _ = select.select(
            [woken] if kill_at < float("inf") else [woken, held],
            [],
            [],
            0.2 if now >= kill_at else min(kill_at - now, 86_400),
        )
        if held in ready:
            kill_at = time.monotonic() + _POLITE
            _signal(signal.SIGHUP, signal.SIGCONT)
        if woken in ready:
            os.read(woken, 512)


def _clear(woken: int) -> None:
    """Whatever the command left behind ends with the visit."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        _signal(signal.SIGKILL)
        if select.select([woken], [], [], 0.05)[0]:
            os.read(woken, 512)


def _signal(*numbers: signal.Signals) -> None:
    for pid in guest.below_us():
        for number in numbers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
