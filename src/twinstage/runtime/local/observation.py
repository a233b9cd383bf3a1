"""From what supervisord and Envoy say to what the controller sees. Pure but for the memory of restarts."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from twinstage.model.names import ServiceName
from twinstage.model.seen import Health, InstanceSeen, WorkloadSeen
from twinstage.model.workload import Route
from twinstage.runtime.local.envoy.admin import HostSeen
from twinstage.runtime.local.ledger import RouteRecord, WorkloadRecord
from twinstage.runtime.local.naming import instance_id
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.postgres.server import PROGRAM as DATABASE
from twinstage.runtime.local.projection import programs
from twinstage.runtime.local.supervisor.client import ProcessSeen

_DEAD = ("BACKOFF", "EXITED", "FATAL")
_OFTEN = 4
"""So many starts within _WINDOW are crashing, whether or not the supervisor gave up."""
_WINDOW = timedelta(seconds=60)
_SLOW = timedelta(seconds=4)
"""After so long without an answer on its port, we look where the program listens instead."""


@dataclass
class Memory:
    """What a look must remember of the one before: each program's starts and its health's beginning."""

    starts: dict[str, list[int]] = field(default_factory=dict)
    since: dict[str, tuple[Health, datetime]] = field(default_factory=dict)
    was_healthy: set[tuple[str, int]] = field(default_factory=set)
    had_database: bool = False

    def saw(self, process: ProcessSeen) -> int:
        """Note this start; how many restarts there were within the window."""
        starts = self.starts.setdefault(process.name, [])
        if process.started and (not starts or starts[-1] != process.started):
            starts.append(process.started)
        newest = starts[-1] if starts else 0
        del starts[: sum(s < newest - _WINDOW.total_seconds() for s in starts)]
        return max(0, len(starts) - 1)

    def began(self, program: str, health: Health, now: datetime) -> datetime:
        known = self.since.get(program)
        if known is None or known[0] is not health:
            self.since[program] = (health, now)
            return now
        return known[1]

    def forget_others(self, kept: set[str]) -> None:
        for name in set(self.starts) - kept:
            del self.starts[name]
        for name in set(self.since) - kept:
            del self.since[name]
        self.was_healthy = {w for w in self.was_healthy if w[0] in kept}


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was asked, and how to ask more: the last line of a program's log, its last exit status, where it listens, and
    with which HTTP status it answers a path (None: with none)."""

    now: datetime
    processes: Mapping[str, ProcessSeen]
    hosts: Mapping[str, Mapping[str, HostSeen]]
    in_flight: Mapping[str, int]
    last_line: Callable[[str], str]
    last_status: Callable[[str], str]
    listening: Callable[[str], list[int]]
    answered: Callable[[str, str], int | None]
    full: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Programs that have nearly all the processes that they may have: how many, and how many they may."""


def parts(processes: Mapping[str, ProcessSeen], memory: Memory) -> dict[str, Health]:
    """The place's own: it answers, so its proxy and its supervisor are well.

    A database server is a part from when it first ran: nothing depends on one that was never there.
    """
    found = {"proxy": Health.HEALTHY, "supervisor": Health.HEALTHY, "sentinel": _part(processes.get("sentinel"))}
    server = processes.get(DATABASE)
    database = _part(server)
    if server is not None and memory.saw(server) >= _OFTEN:
        database = Health.CRASHING
    memory.had_database |= database is Health.HEALTHY
    return {**found, DATABASE: database} if memory.had_database else found


def _part(process: ProcessSeen | None) -> Health:
    return Health.HEALTHY if process is not None and process.state == "RUNNING" else Health.UNHEALTHY


def workload_seen(name: str, record: WorkloadRecord, look: Look, memory: Memory) -> WorkloadSeen:
    """One workload with every process that is there for it, wanted or still stopping."""
    hosts = look.hosts.get(name, {})
    seen = []
    wanted = [] if record.deleted else programs(record)
    for number, program in enumerate(wanted):
        host = hosts.get(addresses.address(record.slot, number))
        seen.append(_instance(record, number, program, host, look, memory))
    for program in sorted(p for p in look.processes if p.startswith(f"{name}.") and p not in wanted):
        number = int(program.rpartition(".")[2])
        since = memory.began(program, Health.STOPPING, look.now)
        key = record.workload.key
        seen.append(InstanceSeen(id=instance_id(key, number), health=Health.STOPPING, since=since))
    replicas = 0 if record.deleted else record.workload.replicas
    return WorkloadSeen(
        key=record.workload.key, replicas=replicas, instances=tuple(seen), in_flight=look.in_flight.get(name, 0)
    )


def _instance(
    record: WorkloadRecord, number: int, program: str, host: HostSeen | None, look: Look, memory: Memory
) -> InstanceSeen:
    process = look.processes.get(program)
    restarts = memory.saw(process) if process else 0
    health, detail = _health(record, program, process, host, restarts, look, memory)
    return InstanceSeen(
        id=instance_id(record.workload.key, number),
        health=health,
        since=memory.began(program, health, look.now),
        restarts=restarts,
        detail=detail,
    )


def _health(
    record: WorkloadRecord,
    program: str,
    process: ProcessSeen | None,
    host: HostSeen | None,
    restarts: int,
    look: Look,
    memory: Memory,
) -> tuple[Health, str]:
    if process is None:
        return Health.STARTING, "not started yet"
    if process.state in _DEAD or restarts >= _OFTEN:
        crashing = process.state == "FATAL" or restarts >= _OFTEN
        return Health.CRASHING if crashing else Health.STARTING, _ended(record, program, process, look)
    if process.state in ("STOPPING", "STOPPED"):
        return Health.UNHEALTHY, "stopped"
    me = (program, process.pid)
    if host is not None and host.healthy:
        memory.was_healthy.add(me)
        return Health.HEALTHY, _crowded(program, look)
    detail = _crowded(program, look) or _silent(record, program, process, host, look)
    return (Health.UNHEALTHY if me in memory.was_healthy else Health.STARTING), detail


def _crowded(program: str, look: Look) -> str:
    if program not in look.full:
        return ""
    have, most = look.full[program]
    return f"has {have:,} of the {most:,} processes and threads that it may have, and cannot start many more"


def _ended(record: WorkloadRecord, program: str, process: ProcessSeen, look: Look) -> str:
    last = look.last_line(program)
    status, _, why = look.last_status(program).partition(" ")
    said = _exit(status) if status else process.error or "ended"
    if why == "memory":
        said = f"killed: it used more memory than the {record.workload.bounds.memory >> 20:,} MiB that it may have"
    return f"{said}; its last words: {last}" if last else said


def _exit(status: str) -> str:
    """A status above 128 names the signal that ended it."""
    number = int(status) - 128 if status.isdigit() else 0
    names = {one.value: one.name for one in signal.Signals}
    return f"ended by {names[number]}" if number in names else f"exited with status {status}"


def _silent(record: WorkloadRecord, program: str, process: ProcessSeen, host: HostSeen | None, look: Look) -> str:
    """Why the proxy does not call it healthy: in words that name the port when that is what is wrong."""
    age = look.now - datetime.fromtimestamp(process.started, UTC)
    port = record.workload.listens or record.workload.backend
    if age < _SLOW:
        return "starting"
    ports = look.listening(program)
    if ports and port not in ports:
        heard = " and ".join(str(p) for p in ports)
        return (
            f"does not listen on PORT {port} but on {heard}: make it listen on the port in $PORT, or write "
            f"`port: {ports[0]}` in twinstage.yaml"
        )
    if not ports:
        return f"does not listen on PORT {port} yet, {age.total_seconds():.0f} s after its start"
    path = record.workload.health
    if path and host is not None and host.answers and (status := look.answered(program, path)):
        return f"listens, but GET {path} on port {port} is not answered well: with status {status}, and only 200 is healthy"
    asked = f"GET {path}" if path else "a connection"
    return f"listens, but {asked} on port {port} is not answered well: {host.detail if host else 'no answer yet'}"


def accepted(routes: Mapping[ServiceName, RouteRecord], versions: Mapping[str, str]) -> dict[ServiceName, Route]:
    """The routes in force: the proxy's version of each, translated back to what we meant by it."""
    found = {}
    for service, record in routes.items():
        by_version = dict(record.versions)
        if (version := versions.get(service)) in by_version:
            found[service] = by_version[version or ""]
    return found
