"""The lifecycle that every runtime must keep, as a wrapper around any of them.

It believes nothing: what the wrapped runtime answers is compared with what it was told and with what it said before. What
breaks the lifecycle raises LifecycleBroken, so one oracle holds for the fake, for one machine and for whatever follows.
"""

from collections.abc import Iterator, Mapping, Sequence

from twinstage.model.finding import Finding
from twinstage.model.holding import Holding
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, InstanceId, JobId, ReleaseId, ServiceName
from twinstage.model.seen import BoundaryReport, Crossing, Health, Observed, SentinelSeen, TrafficSample, WorkloadSeen
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.runtime import SPOKEN, Fence, Introduced, Runtime

Counters = tuple[WorkloadKey, str, str]
"""(workload, source, epoch)."""


class LifecycleBroken(AssertionError):
    """A runtime said something that cannot be, after what it was told and what it said before."""


def _must(holds: bool, broken: str) -> None:
    if not holds:
        raise LifecycleBroken(broken)


class Checked:
    """``Checked(runtime)`` is a Runtime. What is there at its first look is taken as it is found."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._looked: set[Ecosystem] = set()
        self._replicas: dict[WorkloadKey, int] = {}
        """The most that were ever put, or found at the first look."""
        self._seen: set[WorkloadKey] = set()
        """Seen since they were last put."""
        self._deleted: set[WorkloadKey] = set()
        """And not put since."""
        self._gone: set[WorkloadKey] = set()
        """Deleted, and then seen to be gone."""
        self._routes: set[Route] = set()
        """Every route that was put or found: the accepted one is among them."""
        self._jobs: dict[JobId, Job] = {}
        self._put_jobs: set[JobId] = set()
        self._listed = False
        self._traffic: dict[Counters, TrafficSample] = {}

    # ---- what it is told

    def open(self, ecosystem: Ecosystem, fence: Fence) -> None:
        self._runtime.open(ecosystem, fence)

    def introduce(self, services: Introduced, fence: Fence, public: Sequence[str] = ()) -> None:
        self._runtime.introduce(services, fence, public)

    def put_workload(self, workload: Workload, fence: Fence) -> None:
        # Noted first: a call that is not answered may have been done.
        key = workload.key
        self._replicas[key] = max(self._replicas.get(key, 0), workload.replicas)
        self._deleted.discard(key)
        self._gone.discard(key)
        self._seen.discard(key)
        self._runtime.put_workload(workload, fence)

    def delete_workload(self, key: WorkloadKey, fence: Fence) -> None:
        self._runtime.delete_workload(key, fence)
        self._deleted.add(key)

    def put_route(self, route: Route, fence: Fence) -> None:
        self._routes.add(route)
        self._runtime.put_route(route, fence)

    def delete_route(self, ecosystem: Ecosystem, service: ServiceName, fence: Fence) -> None:
        self._runtime.delete_route(ecosystem, service, fence)

    def put_job(self, job: Job, fence: Fence) -> None:
        self._put_jobs.add(job.id)
        self._runtime.put_job(job, fence)

    def delete_job(self, job: JobId, fence: Fence) -> None:
        self._runtime.delete_job(job, fence)

    # ---- what it says

    def observe(self, ecosystem: Ecosystem) -> Observed:
        seen = self._runtime.observe(ecosystem)
        _must(seen.ecosystem is ecosystem, f"asked about {ecosystem}, it told of {seen.ecosystem}")
        if ecosystem not in self._looked:
            self._looked.add(ecosystem)
            self._find(seen)
        for key, workload in seen.workloads.items():
            self._check_workload(key, workload, ecosystem)
        self._check_instances(seen)
        gone = {k for k in self._seen & self._deleted if k.ecosystem is ecosystem and k not in seen.workloads}
        self._gone |= gone
        for service, route in seen.routes.items():
            self._check_route(service, route, ecosystem)
        return seen

    def jobs(self) -> Mapping[JobId, Job]:
        seen = self._runtime.jobs()
        for id, job in seen.items():
            _must(id == job.id, f"job {job.id} is listed as {id}")
            if not self._listed:
                self._put_jobs.add(id)
            self._check_job(job)
            self._jobs[id] = job
        self._listed = True
        return seen

    def traffic(self, ecosystem: Ecosystem) -> tuple[TrafficSample, ...]:
        samples = self._runtime.traffic(ecosystem)
        for sample in samples:
            self._check_sample(sample, ecosystem)
            self._traffic[sample.workload, sample.source, sample.epoch] = sample
        return samples

    def crossings(self, ecosystem: Ecosystem, after: int) -> tuple[Crossing, ...]:
        seen = self._runtime.crossings(ecosystem, after)
        last = after
        for crossing in seen:
            _must(crossing.ecosystem is ecosystem, f"a crossing of {crossing.ecosystem} is told of {ecosystem}")
            _must(crossing.seq > last, f"crossing {crossing.seq} of {ecosystem} comes after {last}")
            last = crossing.seq
        return seen

    def log(self, source: InstanceId | JobId, offset: int) -> Iterator[bytes]:
        return self._runtime.log(source, offset)

    def spoken(self, release: ReleaseId) -> tuple[InstanceId, ...]:
        names = self._runtime.spoken(release)
        _must(len(set(names)) == len(names) <= SPOKEN, f"{len(names)} instances of {release} are told to have spoken")
        return names

    def holdings(self) -> tuple[Holding, ...]:
        return self._runtime.holdings()

    def discard(self, holdings: Sequence[Holding], fence: Fence) -> None:
        self._runtime.discard(holdings, fence)

    def troubles(self) -> tuple[Finding, ...]:
        return self._runtime.troubles()

    def boundary(self) -> BoundaryReport:
        return self._runtime.boundary()

    def sentinels(self) -> tuple[SentinelSeen, ...]:
        seen = self._runtime.sentinels()
        _must(len({it.ecosystem for it in seen}) == len(seen), "an ecosystem has two sentinels")
        _must(all(it.starts >= 1 for it in seen), "a sentinel counts that was never started")
        return seen

    # ---- what must hold

    def _find(self, seen: Observed) -> None:
        for key, workload in seen.workloads.items():
            self._replicas[key] = max(self._replicas.get(key, 0), workload.replicas, len(workload.instances))
        self._routes |= set(seen.routes.values())
        for route in seen.routes.values():
            for key in _named(route):
                self._replicas.setdefault(key, 0)

    def _check_workload(self, key: WorkloadKey, workload: WorkloadSeen, ecosystem: Ecosystem) -> None:
        _must(key == workload.key, f"{workload.key} is listed as {key}")
        _must(key.ecosystem is ecosystem, f"{key} is seen in {ecosystem}")
        _must(key in self._replicas, f"{key} was never put, and is seen")
        _must(key not in self._gone, f"{key} was deleted and gone, and is back without being put")
        _must(workload.replicas <= self._replicas[key], f"{key}: {workload.replicas} replicas were never asked for")
        running = [i for i in workload.instances if i.health is not Health.STOPPING]
        most = self._replicas[key]
        _must(len(running) <= most, f"{key}: {len(running)} instances run, and at most {most} were asked for")
        self._seen.add(key)

    def _check_instances(self, seen: Observed) -> None:
        ids = [i.id for workload in seen.workloads.values() for i in workload.instances]
        _must(len(ids) == len(set(ids)), f"an instance is seen twice in {seen.ecosystem}")

    def _check_route(self, service: ServiceName, route: Route, ecosystem: Ecosystem) -> None:
        where = f"the route of {service} in {ecosystem}"
        _must((route.ecosystem, route.service) == (ecosystem, service), f"{where} is that of {route.service}")
        _must(route in self._routes, f"{where} was accepted and never put: {route}")
        _must(sum(share for _, share in route.split) in (0, 100), f"{where}: its shares do not sum to 100")
        for key in _named(route):
            _must(key in self._replicas, f"{where} names {key}, which was never put")
        for key, share in route.split:
            _must(not share or key not in self._gone, f"{where} gives {share} % to {key}, which is gone")

    def _check_job(self, job: Job) -> None:
        _must(job.id in self._put_jobs, f"job {job.id} was never put, and is there")
        before = self._jobs.get(job.id)
        if before is None:
            return
        if before.result is not None:
            _must(job.result is not None, f"job {job.id} had ended, and runs again")
            same = (before.result, before.exit_status) == (job.result, job.exit_status)
            _must(same and before.output == job.output, f"the result of job {job.id} has changed")
        if before.started is not None:
            _must(before.started == job.started, f"job {job.id} has started a second time")

    def _check_sample(self, sample: TrafficSample, ecosystem: Ecosystem) -> None:
        key = sample.workload
        _must(key.ecosystem is ecosystem, f"counters of {key} are told of {ecosystem}")
        counts = [count for _, count in sample.latency]
        _must(counts == sorted(counts), f"the latency counts of {key} are not cumulative")
        before = self._traffic.get((key, sample.source, sample.epoch))
        if before is None:
            return
        falls = sample.requests < before.requests or sample.errors < before.errors
        falls = falls or any(now < then for (_, now), (_, then) in zip(sample.latency, before.latency, strict=False))
        _must(not falls, f"the counters of {key} at {sample.source} fell within epoch {sample.epoch}")


def _named(route: Route) -> list[WorkloadKey]:
    return [key for key, _ in route.split] + [key for _, key in route.lanes]
