"""One place on this machine (production, staging or the workshop): its ledger, its files and what runs there."""

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from twinstage.model.database import MAIN
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, Place, ReleaseId, ServiceName
from twinstage.model.workload import Workload
from twinstage.runtime.local import results
from twinstage.runtime.local.files import tail
from twinstage.runtime.local.handover import Handover, Lockbox, Secrets
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.ledger import JobRecord, Ledger
from twinstage.runtime.local.naming import program_of_job
from twinstage.runtime.local.network.wires import Sentinel
from twinstage.runtime.local.postgres.databases import needs, reaches
from twinstage.runtime.local.projection import Projection
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor.client import ProcessSeen, Supervisor
from twinstage.runtime.runtime import Unavailable, Unfit

STATIC = frozenset({"sentinel", "discovery", "lockbox", "proxy", "sweeper", "warden", "doorman"})
_STOPPED = ("STOPPED", "EXITED", "FATAL")
_AGAIN = 10  # seconds after which a program that the supervisor gave up on is tried again


class PlaceDesk:
    """Keeps one place's processes at what its ledger says. Safe to be killed between any two steps: all is derived."""

    def __init__(self, place: Place, layout: Layout, settings: Settings, secrets: Secrets | None = None) -> None:
        """``secrets``: of that ecosystem; the workshop has none."""
        self.place = place
        self.kept = layout.kept(place)
        self.ledger = Ledger(layout.desired(place))
        self.projection = Projection(place, layout, self.ledger, settings)
        self.supervisor = Supervisor(layout.doors(place) / "supervisor.sock")
        self._behind = False
        self._at_once = max(2, os.cpu_count() or 2)
        box = Lockbox(layout.doors(place) / "lockbox.sock")
        self.handover = None if secrets is None else Handover(box, secrets, self.projection.databases)
        self.sentinel = None if place is Place.WORKSHOP else Sentinel(layout.doors(place) / "sentinel.sock")

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Ledger first, then files. Where trouble comes between the two, the next look writes them all."""
        self._behind = True
        yield
        self._behind = False

    def write_all(self) -> None:
        """Every file, as the ledger has it."""
        self.projection.write_all()
        if self.place is not Place.WORKSHOP:
            self.projection.write_ports(Ecosystem(self.place.value))
            self.projection.write_database()
            self.projection.write_proxy(Ecosystem(self.place.value))
            self.projection.write_passing(Ecosystem(self.place.value))
        self._behind = False

    def provide(self, thing: Workload | Job) -> None:
        """The ecosystem's database server, with the first that needs it."""
        if isinstance(thing, Job) and thing.kind is JobKind.DROP and thing.data == MAIN:
            raise Unfit(f"cannot drop the main databases of {thing.service} in {thing.place}: only a lane's clones go")
        if needs(thing) and self.ledger.need_database():
            self.projection.write_database()
            self.projection.write_proxy(Ecosystem(self.place.value))

    def nudge(self, *, wires: bool) -> None:
        """Make the place look at its files now. Raises Unavailable: the intent is on disk, the next look makes it true."""
        if wires and self.sentinel is not None:
            self.sentinel.sync()
        self.settle(self.supervisor.processes())

    def settle(self, processes: dict[str, ProcessSeen]) -> None:
        """Start what is missing, stop what is surplus, forget what is gone."""
        if self._behind:
            self.write_all()
        wanted = self.projection.wanted()
        have = set(processes) - STATIC
        if self.handover is not None:
            self.handover.settle(self.ledger, have)
        self.supervisor.add(sorted(wanted - have - self._queued(processes)))
        for name in sorted(have - wanted):
            if processes[name].state in _STOPPED:
                self.supervisor.remove(name)
                have.discard(name)
            elif processes[name].state != "STOPPING":
                self.supervisor.stop(name)
        self._revive({n: seen for n, seen in processes.items() if n in STATIC or n in have & wanted})
        self._forget(have)

    def _queued(self, processes: dict[str, ProcessSeen]) -> set[str]:
        """Jobs of the workshop whose turn has not come: with more at once than the machine has cores all would be late,
        and a first release would wait for the last one's build."""
        if self.place is not Place.WORKSHOP:
            return set()
        working = {name for name, seen in processes.items() if name not in STATIC and seen.state not in _STOPPED}
        built = {at for name, at in self._building().items() if name in working}
        starting: set[str] = set()
        waiting = [name for name in self.projection.queue() if name not in processes]
        for name in waiting:
            at = self._building().get(name)
            # Two releases of one tree are built at one place: the second waits until the first one's build is gone.
            if len(working) + len(starting) < self._at_once and at not in built:
                starting.add(name)
                built |= {at} if at else set()
        return set(waiting) - starting

    def _building(self) -> dict[str, str]:
        """Where each build builds, those that are being stopped too."""
        return {program_of_job(r.job.id): r.job.builds for r in self.ledger.jobs.values() if r.job.builds}

    def _revive(self, processes: dict[str, ProcessSeen]) -> None:
        """The supervisor gives up after a few tries; a deployment is never given up on, only told of."""
        now = datetime.now(UTC).timestamp()
        for name, seen in processes.items():
            if seen.state == "FATAL" and not name.startswith("job.") and now - seen.stopped > _AGAIN:
                self.supervisor.start(name)

    def _forget(self, have: set[str]) -> None:
        if self.projection.forget(have) and self.sentinel is not None:
            with contextlib.suppress(Unavailable):  # it reads its files again when it next starts or is asked
                self.sentinel.sync()
        called: set[ServiceName] = set()
        data = passing = False
        for name, record in list(self.ledger.workloads.items()):
            if record.deleted and not any(p.startswith(f"{name}.") for p in have):
                self.ledger.forget_workload(name)
                self.projection.write_targets()
                called.update(record.workload.calls)
                passing |= reaches(record.workload) or bool(record.workload.outside)
        for record_of_job in list(self.ledger.jobs.values()):
            if record_of_job.deleted and program_of_job(record_of_job.job.id) not in have:
                self.ledger.forget_job(record_of_job.job.id)
                called.update(record_of_job.job.calls)
                data |= reaches(record_of_job.job)
        if passing:
            self.projection.write_passing(Ecosystem(self.place.value))
        elif data:
            self.projection.write_callers()
        if called:  # before its address range is given to somebody else, who may not call them
            self.projection.write_routes(Ecosystem(self.place.value), called)

    def jobs(self) -> list[Job]:
        """Every job here, with its result where it has ended. One that has no result and no process is lost."""
        if not self.ledger.jobs:
            return []
        processes = self.supervisor.processes()
        if self.place is Place.WORKSHOP:  # the ecosystems are settled by each look at them
            self.settle(processes)
        return [
            self._job(r, processes.get(program_of_job(r.job.id))) for r in self.ledger.jobs.values() if not r.deleted
        ]

    def _job(self, record: JobRecord, process: ProcessSeen | None) -> Job:
        directory = self.kept / "jobs" / record.job.id
        ended = results.read(record.job, directory)
        if ended is not None:
            return ended
        if process is not None and process.state in _STOPPED:
            # It may have ended between our two looks: the result is written before the process goes.
            again = results.read(record.job, directory)
            return again or results.lost(results.running(record.job, directory), self.log_of_wrapper(record.job))
        return results.running(record.job, directory)

    def log_of_wrapper(self, job: Job) -> str:
        return tail(self.kept / "logs" / f"{program_of_job(job.id)}.log", 2000)

    def log_of_instance(self, program: str) -> Path:
        return self.kept / "logs" / f"{program}.log"

    def logs_of(self, release: ReleaseId) -> list[tuple[str, float]]:
        """(program, when it last wrote) of every instance of the release whose log is here, running or long gone."""
        found = []
        for path in (self.kept / "logs").glob("*.log"):
            if f".{release}." in path.name:
                with contextlib.suppress(FileNotFoundError):  # collected between two looks
                    found.append((path.name.removesuffix(".log"), path.stat().st_mtime))
        return found

    def last_line(self, program: str) -> str:
        lines = tail(self.log_of_instance(program), 600).strip().splitlines()
        return lines[-1][:200] if lines else ""

    def last_status(self, program: str) -> str:
        """With which status its command last ended, and ``memory`` when that was the cause; empty when it never did."""
        return tail(self.kept / "logs" / f"{program}.status", 20).strip()

    def full(self) -> dict[str, tuple[int, int]]:
        """Programs that have nearly all the processes that they may have: how many, and how many they may."""
        try:
            told = json.loads((self.kept / "warden.json").read_text())
            return {str(name): (int(have), int(most)) for name, (have, most) in told.items()}
        except (OSError, ValueError):
            return {}  # only for words to people
