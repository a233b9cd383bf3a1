"""A platform in memory, for tests: what exists, how long it takes, how it behaves. It outlives its controllers.

Time passes only by ``step``. Everything is settable while it runs: how a workload behaves, how a job ends, how far
behind observations are. The FakeRuntime in fake.py is a controller's way to it.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from twinstage.jobs.probe import Trial, output
from twinstage.model.finding import Finding
from twinstage.model.holding import Holding
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, InstanceId, JobId, ReleaseId, ServiceName
from twinstage.model.seen import Crossing, Health, Observed, TrafficSample
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.behaviour import Behaviour, Ending
from twinstage.runtime.databank import Databank, concerns
from twinstage.runtime.fake_workload import FakeInstance, FakeWorkload
from twinstage.runtime.meter import Meter
from twinstage.runtime.runtime import Fence
from twinstage.runtime.storeroom import Storeroom


class World:
    """``lag``: steps by which observations are behind; ``stops``: steps that stopping takes; ``requests``: per step and
    frontend."""

    def __init__(self, now: datetime, *, lag: int = 0, stops: int = 2, requests: int = 60) -> None:
        self.now = now
        self.lag = lag
        self.stops = stops
        self.workloads: dict[WorkloadKey, FakeWorkload] = {}
        self.written: dict[tuple[Ecosystem, ServiceName], Route] = {}
        self.accepted: dict[tuple[Ecosystem, ServiceName], Route] = {}
        self.jobs: dict[JobId, Job] = {}
        self.past: dict[JobId, Job] = {}
        """Every job that was ever put, as it last was: none of them starts again."""
        self.runs: Counter[JobId] = Counter()
        """How often each job's command was begun."""
        self.crossings: dict[Ecosystem, list[Crossing]] = {eco: [] for eco in Ecosystem}
        self.parts: dict[Ecosystem, dict[str, Health]] = {
            eco: dict.fromkeys(("proxy", "sentinel", "supervisor"), Health.HEALTHY) for eco in Ecosystem
        }
        self.storeroom = Storeroom()
        self.databank = Databank()
        self.troubles: list[Finding] = []
        self.harm: list[str] = self.databank.harm
        """What a user would have suffered from: traffic given to what could not answer, data in the wrong state."""
        self.meter = Meter(requests)
        self.fence = Fence(epoch=0, generation=0)
        """The newest that any call carried."""
        self.opened: set[Ecosystem] = set()
        self.services: Mapping[ServiceName, Mapping[Ecosystem, tuple[int, int]]] = {}
        self.public: tuple[str, ...] = ()
        self._behaviours: list[tuple[Callable[[Workload], bool], Behaviour]] = []
        self._endings: list[tuple[Callable[[Job], bool], Ending]] = []
        self._ages: Counter[JobId] = Counter()
        self._instances = 0
        self.spoke: dict[InstanceId, ReleaseId] = {}
        """Every instance there ever was: each has said that it started."""
        self._views: dict[Ecosystem, deque[Observed]] = {eco: deque() for eco in Ecosystem}

    # ---- what a test says

    def behave(self, which: Callable[[Workload], bool], behaviour: Behaviour) -> None:
        """From now on, also for instances that exist. The latest that fits holds."""
        self._behaviours.append((which, behaviour))

    def end(self, which: Callable[[Job], bool], ending: Ending) -> None:
        """How jobs end; the latest that fits holds."""
        self._endings.append((which, ending))

    def cross(self, source: WorkloadKey | JobId, ecosystem: Ecosystem, target: str, kind: str) -> None:
        """An instance or job tries to reach what is not there for it."""
        seen = self.crossings[ecosystem]
        instance = InstanceId(source if isinstance(source, str) else f"{source.service}-{source.release}-1")
        answered = "NXDOMAIN" if target.startswith("dns ") else "403"
        seen.append(
            Crossing(
                seq=len(seen) + 1, at=self.now, ecosystem=ecosystem, source=source, instance=instance,
                target=target, kind=kind, answered=answered, advice=f"declare {target}",
            )
        )  # fmt: skip

    # ---- how it goes on

    def step(self, now: datetime) -> None:
        """One step of everything: instances, routes, jobs, traffic; then a view of it is kept."""
        self.now = now
        for workload in list(self.workloads.values()):
            self._live(workload)
        for key in [k for k, w in self.workloads.items() if not w.replicas and not w.instances]:
            del self.workloads[key]
        self._accept()
        for job in [j for j in self.jobs.values() if j.result is None]:
            self._work(job)
        self.meter.drain(self.workloads)
        for route in self.accepted.values():
            self.meter.serve(route, self.workloads, self.behaviour)
        for eco, views in self._views.items():
            views.append(self.look(eco))
            while len(views) > self.lag + 1:
                views.popleft()

    def view(self, ecosystem: Ecosystem) -> Observed:
        """What an observer is told: the present, or with a lag the past."""
        views = self._views[ecosystem]
        return views[0] if self.lag and views else self.look(ecosystem)

    def look(self, ecosystem: Ecosystem) -> Observed:
        """The present."""
        here = {k: w for k, w in self.workloads.items() if k.ecosystem is ecosystem}
        return Observed(
            ecosystem=ecosystem,
            at=self.now,
            workloads={key: workload.seen for key, workload in here.items()},
            routes={service: route for (eco, service), route in self.accepted.items() if eco is ecosystem},
            parts=dict(self.parts[ecosystem]),
            enforced=True,
        )

    def traffic(self, ecosystem: Ecosystem) -> tuple[TrafficSample, ...]:
        return self.meter.samples(ecosystem, self.now)

    def behaviour(self, workload: Workload) -> Behaviour:
        fitting = (behaviour for fits, behaviour in reversed(self._behaviours) if fits(workload))
        return next(fitting, Behaviour())

    def ending(self, job: Job) -> Ending:
        fitting = (ending for fits, ending in reversed(self._endings) if fits(job))
        return next(fitting, Ending())

    # ---- what a runtime does

    def put(self, workload: Workload, given: Mapping[str, str]) -> None:
        held = self.workloads.setdefault(workload.key, FakeWorkload(workload=workload, replicas=0))
        if workload.artifact.location.rpartition("/")[2] in self.storeroom.gone:
            self.harm.append(f"{workload.key.service} {workload.key.release} was put: its artifact was discarded")
        held.workload, held.replicas, held.given = workload, workload.replicas, given
        alive = [i for i in held.instances if i.health is not Health.STOPPING]
        if len(alive) < workload.replicas:
            self.databank.put(workload)
        for extra in alive[workload.replicas :]:
            self._stop(extra)
        for _ in range(workload.replicas - len(alive)):
            self._instances += 1
            held.instances.append(FakeInstance(id=InstanceId(f"i{self._instances}"), since=self.now))
            self.spoke[held.instances[-1].id] = workload.key.release

    def delete(self, key: WorkloadKey) -> None:
        if held := self.workloads.get(key):
            held.replicas = 0
            for instance in held.instances:
                self._stop(instance)

    def discard(self, holdings: Iterable[Holding]) -> None:
        self.storeroom.discard(holdings)
        for held in self.workloads.values():
            if held.workload.artifact.location.rpartition("/")[2] in self.storeroom.gone and held.instances:
                self.harm.append(f"the artifact of {held.workload.key.service} was discarded while it ran")

    def start(self, job: Job) -> None:
        if job.id in self.jobs:
            return
        if job.id in self.past:
            old = self.past[job.id]
            self.jobs[job.id] = old if old.result else replace(old, result=JobResult.STOPPED, ended=self.now)
            return
        self.jobs[job.id] = self.past[job.id] = job

    def forget(self, job: JobId) -> None:
        known = self.jobs.get(job)
        if known is None:
            return
        if known.result is None:
            self._end(replace(known, result=JobResult.STOPPED, ended=self.now))
        else:
            del self.jobs[job]

    # ---- within a step

    def _live(self, held: FakeWorkload) -> None:
        how = self.behaviour(held.workload)
        for instance in list(held.instances):
            instance.steps += 1
            if instance.health is Health.STOPPING:
                if instance.steps >= self.stops:
                    held.instances.remove(instance)
            elif instance.health is not how.health and (
                instance.health is not Health.STARTING or instance.steps >= how.starts
            ):
                instance.health, instance.since, instance.detail = how.health, self.now, how.detail
                for target, kind in how.crosses if how.health is Health.HEALTHY else ():
                    self.cross(held.workload.key, held.workload.key.ecosystem, target, kind)

    def _stop(self, instance: FakeInstance) -> None:
        if instance.health is not Health.STOPPING:
            instance.health, instance.since, instance.steps = Health.STOPPING, self.now, 0

    def _accept(self) -> None:
        for where in [w for w in self.accepted if w not in self.written]:
            del self.accepted[where]
        for where, route in self.written.items():
            before = dict(self.accepted[where].split) if where in self.accepted else {}
            for key, share in route.split:
                held = self.workloads.get(key)
                if share > before.get(key, 0) and (held is None or not held.healthy):
                    self.harm.append(f"{share} % of {key.ecosystem} {key.service} rose onto {key.release}: not healthy")
            self.accepted[where] = route
        for route in self.accepted.values():
            for key in [k for k, share in route.split if share] + [k for _, k in route.lanes]:
                if key not in self.workloads or not self.workloads[key].replicas:
                    self.harm.append(f"{key.ecosystem} {key.service} still routes to {key.release}: it was deleted")

    def _work(self, job: Job) -> None:
        ending = self.ending(job)
        self._ages[job.id] += 1
        if self._ages[job.id] == 1:
            self.runs[job.id] += 1
            if concerns(job):
                self.databank.begin(job, [key for key, held in self.workloads.items() if held.instances])
                self.parts[Ecosystem(job.place.value)].setdefault("database", Health.STARTING)
            job = self.jobs[job.id] = self.past[job.id] = replace(job, started=self.now)
            for target, kind in ending.crosses:
                self.cross(job.id, Ecosystem(job.place.value), target, kind)
        if self._ages[job.id] >= ending.steps:
            ended = replace(job, result=ending.result, exit_status=ending.exit_status, log_end=ending.log_end)
            self._end(replace(ended, ended=self.now), ending.changes)

    def _end(self, job: Job, changes: str = "") -> None:
        if job.id in self.databank.running:
            self.parts[Ecosystem(job.place.value)]["database"] = Health.HEALTHY
            job = replace(job, output=self.databank.end(job, changes))
        elif job.result is JobResult.SUCCEEDED and job.kind is JobKind.PROBE:
            tried = (Trial(name=changes, what="", answer="", stopped=not changes),)
            job = replace(job, output=output(tried))
        elif job.result is JobResult.SUCCEEDED and job.kind is JobKind.BUILD:
            job = replace(job, output={"digest": f"sha256:{job.builds}"})
        self.jobs[job.id] = self.past[job.id] = job
        self.storeroom.worked(job, self.now)
