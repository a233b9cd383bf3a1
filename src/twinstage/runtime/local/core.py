"""A company's supervisors as `up` and `down` use them: the core's own and the places', asked, started and waited for."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from twinstage.runtime.local.layout import SANDBOXES, Layout
from twinstage.runtime.local.supervisor.client import Supervisor
from twinstage.runtime.runtime import Unavailable

_ENDED = ("STOPPED", "EXITED", "FATAL")


class HostTrouble(Exception):
    """This machine cannot do it: what, why, and what to do."""


def supervisor(layout: Layout) -> Supervisor:
    """The core's: it keeps the sandboxes of the places, and what is the core's own."""
    return Supervisor(layout.sockets / "core" / "supervisor.sock")


def answers(asked: Supervisor) -> bool:
    try:
        asked.processes()
    except Unavailable:
        return False
    return True


def start(layout: Layout) -> None:
    """Returns when it answers. Raises HostTrouble."""
    with (layout.core / "supervisord.out").open("ab") as out:
        subprocess.Popen(
            [sys.executable, "-m", "twinstage.inside.supervisord", "-c", str(layout.core / "supervisord.conf")],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    asked = supervisor(layout)
    until(lambda: answers(asked), 20.0, f"the core supervisor did not start; see {layout.core}/supervisord.out")


def restart_missing(core: Supervisor, programs: Sequence[str]) -> None:
    core.add(programs)
    for name, seen in core.processes().items():
        if seen.state in _ENDED:
            core.start(name)


def restart(core: Supervisor, name: str) -> None:
    core.stop(name)
    until(lambda: core.processes()[name].state in _ENDED, 10.0, f"the {name} did not stop")
    core.start(name)


def stop_programs(asked: Supervisor) -> None:
    """Ask every instance to stop, all at once, and wait until they have (a sandbox would stop them one by one)."""
    with contextlib.suppress(Unavailable):
        asked.stop_all()
        until(lambda: all(p.state in _ENDED for p in asked.processes().values()), 30.0, None)


def wait_for_sandboxes(layout: Layout) -> None:
    for place in SANDBOXES:
        inside = Supervisor(layout.doors(place) / "supervisor.sock")
        until(partial(answers, inside), 20.0, f"{place} does not start; see {layout.core}/{place}.log")


def until(true: Callable[[], bool], seconds: float, trouble: str | None) -> None:
    """Wait for a condition. ``trouble``: what HostTrouble says when it does not come true; None: go on without it."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            if trouble is None:
                return
            raise HostTrouble(f"{trouble} (waited {seconds:.0f} s)")
        time.sleep(0.05)
