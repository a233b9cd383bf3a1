"""Control groups (version 1) of one company: of memory and processor, one for each place, and in it for each instance.

Only root has them to give. A place gets the groups that are its own to divide, and no more of the hierarchy: its account may
make groups below and move its own processes there, and can raise nothing above. Version 2 is not used: a machine
that has it could not be tried.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from twinstage.runtime.local.gives import SHARES
from twinstage.runtime.local.layout import SANDBOXES, Accounts

ROOT = Path("/sys/fs/cgroup")
_LEAVING = 2.0
"""Seconds for a group to be empty, once all that ran in it was told to end."""


def company(name: str, state: Path) -> str:
    """One name for each company, also where two of one name have different states."""
    return f"{name}-{hashlib.sha256(str(state).encode()).hexdigest()[:8]}"


def given(controller: str, root: Path = ROOT) -> bool:
    """Can we make groups of this controller? Only tried, never guessed."""
    top = root / controller / "twinstage"
    if os.geteuid() != 0 or not (root / controller / "cgroup.procs").is_file():
        return False
    try:
        top.mkdir(exist_ok=True)
    except OSError:
        return False
    mark = {"memory": "memory.oom_control", "cpu": "cpu.shares"}[controller]
    return (top / mark).is_file()


def make(controller: str, company: str, accounts: Accounts, root: Path = ROOT) -> str:
    """The company's group, with one below for each place. Raises OSError."""
    top = root / controller / "twinstage" / company
    for place in SANDBOXES:
        group = top / place
        group.mkdir(parents=True, exist_ok=True)
        if controller == "cpu":
            (group / "cpu.shares").write_text(str(SHARES[place]))
        for path in (group, group / "cgroup.procs"):
            os.chown(path, accounts.of(place), accounts.of(place))
    return str(top)


def remove(company: str, root: Path = ROOT) -> None:
    """All of the company's groups. What is still in use stays, and is found by the next `up`."""
    for controller in ("memory", "cpu"):
        top = root / controller / "twinstage" / company
        end = time.monotonic() + _LEAVING
        while top.is_dir() and time.monotonic() < end:
            _remove(top)
            time.sleep(0.02)
        with suppress(OSError):
            top.parent.rmdir()  # another company's may be there


def _remove(group: Path) -> None:
    for below in [entry for entry in group.iterdir() if entry.is_dir()]:
        _remove(below)
    with suppress(OSError):
        group.rmdir()
