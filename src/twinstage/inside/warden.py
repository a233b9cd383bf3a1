"""Watches what the instances and jobs of a place take, where the kernel alone does not bound it.

    python -m twinstage.inside.warden --desired /desired --state /state --nice N [--kill]

Every other second it looks at each process of the place. ``--kill``: an instance whose processes together hold more memory
than its bound is killed, because this machine gives no control group that would do it sooner. Where there is one, the kernel
has taken a process of it already, and the rest goes too: half an instance is none. ``/tmp/memory.ID`` tells its launcher why.
An instance that has nearly all the processes that it may have is named in ``warden.json`` of the state, so that people read
why it cannot start more. Sessions that a program of the place began lose the priority of the place, since the
scheduler weighs by session: they get it back.

Whose a process is: its ancestors say, and only the supervisor's children and theirs are asked for their name. A program
inside a sandbox can call itself what it likes.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PERIOD = 2.0
NEARLY = 0.9
"""Of the processes that it may have: from here on it is named."""
_SUPERVISOR = 1


@dataclass(frozen=True, kw_only=True)
class Process:
    pid: int
    parent: int
    session: int


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What all processes of one instance have. ``first``: the one whose end ends all of them."""

    memory: int
    processes: int
    first: int


def processes(proc: Path = Path("/proc")) -> dict[int, Process]:
    found = {}
    for entry in os.scandir(proc):
        if entry.name.isdigit() and (seen := _process(Path(entry.path))):
            found[seen.pid] = seen
    return found


def _process(here: Path) -> Process | None:
    try:
        # The second field is the program's name in parentheses and may hold anything.
        fields = (here / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None  # it ended since it was listed
    return Process(pid=int(here.name), parent=int(fields[1]), session=int(fields[3]))


def launchers(seen: Mapping[int, Process], launch: str, proc: Path = Path("/proc")) -> dict[int, str]:
    """The pid of each instance's launcher -> the instance's id. A job's is a child of its wrapper."""
    found = {}
    for it in seen.values():
        parent = seen.get(it.parent)
        if it.parent != _SUPERVISOR and (parent is None or parent.parent != _SUPERVISOR):
            continue
        with suppress(OSError):
            words = (proc / str(it.pid) / "cmdline").read_bytes().split(b"\0")
            if len(words) > 3 and words[1] == launch.encode():
                found[it.pid] = os.fsdecode(words[2])
    # bubblewrap's monitor is forked from the launcher and bears its words until it is another program: the upper one counts.
    return {pid: id for pid, id in found.items() if seen[pid].parent not in found}


def below(seen: Mapping[int, Process], root: int) -> Iterator[int]:
    """The descendants of a process, parents first."""
    children: dict[int, list[int]] = {}
    for it in seen.values():
        children.setdefault(it.parent, []).append(it.pid)
    waiting = list(children.get(root, ()))
    while waiting:
        pid = waiting.pop(0)
        yield pid
        waiting += children.get(pid, ())


def visitors(seen: Mapping[int, Process], proc: Path = Path("/proc")) -> dict[str, list[int]]:
    """What people who were let in started, by the namespace of processes that it is in: the instance's. Their doorman
    is a child of the supervisor's, each visit a child of his, and who is host to it in the instance the next below."""
    found: dict[str, list[int]] = {}
    for doorman in (it.pid for it in seen.values() if it.parent == _SUPERVISOR):
        with suppress(OSError):
            if b"twinstage.inside.doorman" not in (proc / str(doorman) / "cmdline").read_bytes().split(b"\0"):
                continue
            keepers = {it.pid for it in seen.values() if it.parent == doorman}
            for host in (it.pid for it in seen.values() if it.parent in keepers):
                for pid in below(seen, host):
                    with suppress(OSError):
                        found.setdefault(_namespace(pid, proc), []).append(pid)
    return found


def _namespace(pid: int, proc: Path) -> str:
    return str((proc / str(pid) / "ns/pid").readlink())


def taken(pids: list[int], proc: Path = Path("/proc")) -> Taken:
    """``pids``: an instance's, parents first. What is shared between processes counts once, as the largest part."""
    memory, shared, threads, first = 0, 0, 0, 0
    for pid in pids:
        try:
            told = dict(
                line.split(":", 1) for line in (proc / str(pid) / "status").read_text().splitlines() if ":" in line
            )
        except OSError:
            continue
        if len(told.get("NSpid", "").split()) < 2:
            continue  # bubblewrap itself, outside
        first = first or pid
        memory += _kilobytes(told.get("RssAnon"))
        shared = max(shared, _kilobytes(told.get("RssShmem")))
        threads += int(told.get("Threads", "1"))
    return Taken(memory=memory + shared, processes=threads, first=first)


def _kilobytes(told: str | None) -> int:
    return int(told.split()[0]) << 10 if told else 0


class Warden:
    """``look`` is one round."""

    def __init__(self, desired: Path, state: Path, *, nice: int, kill: bool, groups: Path = Path("/groups")) -> None:
        self._desired, self._state, self._nice, self._kill = desired, state, nice, kill
        self._groups = groups
        self._calmed: set[int] = set()
        self._told: dict[str, list[int]] | None = None

    def look(self) -> None:
        seen = processes()
        full, guests = {}, visitors(seen)
        for root, id in launchers(seen, str(self._desired / "launch")).items():
            bounds = self._bounds(id)
            if bounds is None:
                continue
            most_memory, most_processes = bounds
            theirs = list(below(seen, root))
            now = taken(theirs)
            if guests and now.first:
                now = taken([*theirs, *self._let_in(guests, now.first)])
            over = now.memory > most_memory if self._kill else self._has_lost_one(id, root)
            if over and now.first:
                self._end(id, now, most_memory)
            elif now.processes >= most_processes * NEARLY:
                full[id] = [now.processes, most_processes]
        if full != self._told:
            self._tell(full)
        self._calm(seen)
        self._tidy()

    @staticmethod
    def _let_in(guests: Mapping[str, list[int]], first: int) -> list[int]:
        """What people started beside it counts as its own."""
        with suppress(OSError):
            return guests.get(_namespace(first, Path("/proc")), [])
        return []

    def _bounds(self, id: str) -> tuple[int, int] | None:
        try:
            memory, most = (self._desired / "instances" / id / "bounds").read_text().split()
            return int(memory), int(most)
        except (OSError, ValueError):
            return None  # it has just gone, or an older Twinstage began it

    def _has_lost_one(self, id: str, root: int) -> bool:
        try:
            told = (self._groups / "memory" / f"{id}.{root}" / "memory.oom_control").read_text().split()
        except OSError:
            return False
        return dict(zip(told[::2], told[1::2], strict=False)).get("oom_kill", "0") != "0"

    def _tidy(self) -> None:
        """Groups whose launcher is gone: it could not take them away while the last process was still going.

        Whether it is gone is asked now, not at the round's beginning: of a launcher that came since, the group is empty still.
        """
        for group in self._groups.glob("*/*.*"):
            if group.is_dir() and not Path("/proc", group.name.rpartition(".")[2]).exists():
                with suppress(OSError):
                    group.rmdir()

    def _end(self, id: str, now: Taken, most: int) -> None:
        print(f"{id} has {now.memory >> 20} MiB of memory, {most >> 20} MiB are its bound: killed", flush=True)
        Path(tempfile.gettempdir(), f"memory.{id}").touch()
        with suppress(ProcessLookupError):
            os.kill(now.first, signal.SIGKILL)

    def _tell(self, full: dict[str, list[int]]) -> None:
        part = self._state / ".warden.part"
        part.write_text(json.dumps(full))
        part.chmod(0o640)
        part.replace(self._state / "warden.json")
        self._told = full

    def _calm(self, seen: Mapping[int, Process]) -> None:
        """Each session once: its priority is the place's. The kernel takes few such changes a second; the rest waits."""
        sessions = {it.session for it in seen.values()} - {0}
        self._calmed &= sessions
        for it in seen.values() if self._nice else ():
            if it.session in sessions - self._calmed:
                try:
                    Path(f"/proc/{it.pid}/autogroup").write_text(str(self._nice))
                except BlockingIOError:
                    return
                except OSError:
                    continue  # it ended, or this kernel does not weigh by session
                self._calmed.add(it.session)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="twinstage.inside.warden")
    parser.add_argument("--desired", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--nice", type=int, required=True)
    parser.add_argument("--kill", action="store_true")
    told = parser.parse_args(arguments)
    warden = Warden(told.desired, told.state, nice=told.nice, kill=told.kill)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    while True:
        warden.look()
        if stopped.wait(PERIOD):
            return 0


if __name__ == "__main__":
    sys.exit(main())
