"""Finding what a company runs on this machine, its processes by what they do, and whatever of it is left at the end."""

import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

T = TypeVar("T")


def left_behind(root: Path) -> list[psutil.Process]:
    """Every process of what lives below ``root``. Sandboxed ones carry no path in their names, but in their mounts; those
    that were only just started, in their environment."""
    mark = f"{root}/"
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _of(p, mark)]


def _of(process: psutil.Process, mark: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False  # dead; whoever started it has not looked yet
        here = Path(f"/proc/{process.pid}")
        return (
            mark in (here / "mountinfo").read_text()
            or any(mark in argument for argument in process.cmdline())
            or f"TWINSTAGE_ROOT={mark[:-1]}\0".encode() in (here / "environ").read_bytes()
        )
    except (OSError, psutil.Error):
        return False  # it ended between two looks, or is not ours to look at


def processes(root: Path, *words: str) -> list[psutil.Process]:
    """The company's processes with all these words in their argument lists (those that only carry others' words left out)."""
    found = []
    for process in left_behind(root):
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if line and not any(w in line[0] for w in ("bwrap", "setpriv")):
            found += [process] if all(any(w in a for a in line) for w in words) else []
    return found


def lasting(root: Path) -> set[int]:
    """The pids of what goes on by itself: jobs come and go, the boundary's probe whenever it is due."""
    found = set()
    for process in left_behind(root):
        with contextlib.suppress(psutil.Error):
            lines = (it.cmdline() for it in (process, *process.parents()))
            if not any(word == "twinstage.inside.job" for line in lines for word in line):
                found.add(process.pid)
    return found


def networks(root: Path) -> dict[str, float]:
    """The network namespaces that the company's processes are in, the machine's own left out, each with when it was seen."""
    seen, own = time.time(), _network(os.getpid())
    return {n: seen for p in left_behind(root) if (n := _network(p.pid)) and n != own}


def _network(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def remains(root: Path, networks: dict[str, float]) -> list[str]:
    """What is left of a company that is down, one line each. ``networks``: its network namespaces while it was up."""
    left = [f"process {p.pid} {' '.join(p.cmdline())[:200]}" for p in left_behind(root)]
    if (root / "run").exists():
        left += [f"socket directory {p}" for p in (root / "run").rglob("*")] or [str(root / "run")]
    left += [
        f"listening socket {line}" for line in Path("/proc/net/unix").read_text().splitlines() if f"{root}/" in line
    ]
    left += [f"mount {line}" for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{root}/" in line]
    for process in psutil.process_iter(["create_time"]):
        # The kernel gives the number of a namespace that has ended to the next one, which may be that of a test beside this
        # one: who came after the number was seen here is not ours, or has the company's path on it and was found above.
        network = _network(process.pid)
        if process.info["create_time"] < networks.get(network, 0.0):
            left.append(f"network namespace {network} of process {process.pid}")
    return left


def told(root: Path) -> Iterator[tuple[str, str]]:
    """The ends of the logs that explain a failure, each with its name: the newest words of each part of each company."""
    for company in sorted((root / "state").glob("*")):
        logs = [*company.glob("core/*.log"), *company.glob("*/state/logs/*.log")]
        spoken = sorted((p for p in logs if p.stat().st_size), key=lambda p: p.stat().st_mtime, reverse=True)
        for log in spoken[:12]:
            yield str(log.relative_to(root)), "\n".join(log.read_text(errors="replace").splitlines()[-10:])


def job_starts(root: Path, company: str) -> "Counter[str]":
    """How often the supervisors of the company's places started each job's program: their own word for it."""
    logs = (root / "state" / company).glob("*/state/supervisord.log*")
    return Counter(name for log in logs for name in re.findall(r"spawned: '(job\.[^']+)'", log.read_text()))


def until(true: Callable[[], T | None], within: float, what: str) -> T:
    """Wait for a condition; its value. Fails with ``what`` was waited for."""
    end = time.monotonic() + within
    while True:
        if value := true():
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {within:.0f} s for {what}")
        time.sleep(0.05)
