"""A Runtime in memory, public, for tests: nastier than reality, and it fails on command.

Starts take steps, observations lag, and ``Unavailable`` comes before or after the effect, as the test's schedule says.
The world (world.py) outlives it: after a crash a new FakeRuntime on the same world finds everything as it was.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from twinstage.model.finding import Finding
from twinstage.model.holding import Holding
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, InstanceId, JobId, ReleaseId, ServiceName
from twinstage.model.seen import BoundaryReport, Crossing, Limit, Observed, SentinelSeen, TrafficSample
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.runtime import SPOKEN, Fence, Introduced, StaleFence, Unavailable, Unfit
from twinstage.runtime.world import World

Schedule = Callable[[str, int], str | None]
"""(name of the call, how many calls there were before) -> None, ``before`` or ``after`` the effect."""


Secrets = Callable[[Ecosystem, ServiceName, int], Mapping[str, str]]
"""(ecosystem, service, number of its secrets there) -> values by name."""


def none(_ecosystem: Ecosystem, _service: ServiceName, _number: int) -> Mapping[str, str]:
    """For companies without secrets."""
    return {}


_LIMITS = (
    Limit(what="memory", in_force=True, how="nothing runs"),
    Limit(what="open files", in_force=False, how="a machine"),
)


def reliable(_call: str, _number: int) -> str | None:
    """The schedule without trouble."""
    return None


class FakeRuntime:
    """One controller's way to a world."""

    def __init__(self, world: World, schedule: Schedule = reliable, secrets: Secrets = none) -> None:
        self.world = world
        self._secrets = secrets
        self.schedule = schedule
        self._calls = 0

    def open(self, ecosystem: Ecosystem, fence: Fence) -> None:
        with self._call("open", fence):
            self.world.opened.add(ecosystem)

    def introduce(self, services: Introduced, fence: Fence, public: Sequence[str] = ()) -> None:
        with self._call("introduce", fence):
            self.world.services, self.world.public = services, tuple(public)

    def observe(self, ecosystem: Ecosystem) -> Observed:
        with self._call("observe"):
            return self.world.view(ecosystem)

    def put_workload(self, workload: Workload, fence: Fence) -> None:
        with self._call("put_workload", fence):
            if why := self.world.behaviour(workload).unfit:
                raise Unfit(f"cannot run {workload.key.service} {workload.key.release}: {why}")
            self.world.put(workload, self._given(workload))

    def delete_workload(self, key: WorkloadKey, fence: Fence) -> None:
        with self._call("delete_workload", fence):
            self.world.delete(key)

    def put_route(self, route: Route, fence: Fence) -> None:
        with self._call("put_route", fence):
            self.world.written[route.ecosystem, route.service] = route

    def delete_route(self, ecosystem: Ecosystem, service: ServiceName, fence: Fence) -> None:
        with self._call("delete_route", fence):
            self.world.written.pop((ecosystem, service), None)

    def put_job(self, job: Job, fence: Fence) -> None:
        with self._call("put_job", fence):
            if why := self.world.ending(job).unfit:
                raise Unfit(f"cannot start job {job.id}: {why}")
            self.world.start(job)

    def delete_job(self, job: JobId, fence: Fence) -> None:
        with self._call("delete_job", fence):
            self.world.forget(job)

    def jobs(self) -> Mapping[JobId, Job]:
        with self._call("jobs"):
            return dict(self.world.jobs)

    def traffic(self, ecosystem: Ecosystem) -> tuple[TrafficSample, ...]:
        with self._call("traffic"):
            return self.world.traffic(ecosystem)

    def crossings(self, ecosystem: Ecosystem, after: int) -> tuple[Crossing, ...]:
        with self._call("crossings"):
            return tuple(c for c in self.world.crossings[ecosystem] if c.seq > after)

    def log(self, source: InstanceId | JobId, offset: int) -> Iterator[bytes]:
        job = self.world.past.get(JobId(source))
        text = (job.log_end if job else f"{source} started").encode()
        yield text[offset:]

    def spoken(self, release: ReleaseId) -> tuple[InstanceId, ...]:
        return tuple(id for id, its in self.world.spoke.items() if its == release)[-SPOKEN:]

    def holdings(self) -> tuple[Holding, ...]:
        with self._call("holdings"):
            return tuple(self.world.storeroom.held.values())

    def discard(self, holdings: Sequence[Holding], fence: Fence) -> None:
        with self._call("discard", fence):
            self.world.discard(holdings)

    def troubles(self) -> tuple[Finding, ...]:
        return tuple(self.world.troubles)

    def boundary(self) -> BoundaryReport:
        return BoundaryReport(enforced=True, means=("memory",), lacking=(), attributes=True, limits=_LIMITS)

    def sentinels(self) -> tuple[SentinelSeen, ...]:
        found = []
        for ecosystem in Ecosystem:
            answers: Counter[tuple[str, str]] = Counter()
            for crossing in self.world.crossings[ecosystem]:
                answers[(crossing.kind, crossing.answered)] += crossing.count
            found.append(SentinelSeen(ecosystem=ecosystem, answers=answers, unread=0, starts=1))
        return tuple(found)

    def _given(self, workload: Workload) -> dict[str, str]:
        """Exactly what it names."""
        key = workload.key
        values = self._secrets(key.ecosystem, key.service, key.secrets) if workload.secrets else {}
        if lacking := [name for name in workload.secrets if name not in values]:
            raise Unavailable(f"cannot run {key.service} in {key.ecosystem}: {', '.join(lacking)} is not set there")
        return {name: values[name] for name in workload.secrets}

    @contextmanager
    def _call(self, name: str, fence: Fence | None = None) -> Iterator[None]:
        trouble = self.schedule(name, self._calls)
        self._calls += 1
        if trouble == "before":
            raise Unavailable(f"cannot {name}: the platform does not answer; it is tried again")
        if fence is not None:
            if fence < self.world.fence:
                raise StaleFence(f"cannot {name} with {fence}: {self.world.fence} is in charge")
            self.world.fence = fence
        yield
        if trouble == "after":
            raise Unavailable(f"cannot tell whether {name} was done: the platform does not answer; it is tried again")
