"""Finding what a company runs on this machine, and its processes by what they do."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

T = TypeVar("T")


def left_behind(root: Path) -> list[psutil.Process]:
    """Every process that sees a file below ``root``: sandboxed ones carry no path in their names, but in their mounts."""
    mark = f"{root}/"
    return [p for p in psutil.process_iter() if _of(p, mark)]


def _of(process: psutil.Process, mark: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False  # dead; whoever started it has not looked yet
        return mark in Path(f"/proc/{process.pid}/mountinfo").read_text() or any(mark in a for a in process.cmdline())
    except (OSError, psutil.Error):
        return False  # it ended between two looks, or is not ours to look at


def processes(root: Path, *words: str) -> list[psutil.Process]:
    """The company's processes whose argument list begins so (bubblewrap, which carries others' words, left out)."""
    found = []
    for process in left_behind(root):
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if (
            line
            and "bwrap" not in line[0]
            and "setpriv" not in line[0]
            and all(any(w in a for a in line) for w in words)
        ):
            found.append(process)
    return found


def until(true: Callable[[], T], within: float, what: str) -> T:
    """Wait for a condition; its value. Fails with ``what`` was waited for."""
    end = time.monotonic() + within
    while True:
        if value := true():
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {within:.0f} s for {what}")
        time.sleep(0.05)
