"""What a runtime is: the only way by which a controller touches the world of processes.

Every call is short (under a second), idempotent, and returns when the INTENT is durable, never when it is done. Progress is
only ever seen through ``observe`` and ``jobs``. Objects are whole: put replaces. Anything that waits is the planner's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from twinstage.model.finding import Finding
from twinstage.model.holding import Holding
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, InstanceId, JobId, ReleaseId, ServiceName
from twinstage.model.seen import BoundaryReport, Crossing, Observed, SentinelSeen, TrafficSample
from twinstage.model.workload import Route, Workload, WorkloadKey


@dataclass(frozen=True, kw_only=True, order=True)
class Fence:
    """``epoch``: +1 each time a controller takes the store; ``generation``: +1 each committed decision."""

    epoch: int
    generation: int


class RuntimeTrouble(Exception):
    """Root of what a runtime raises."""


class Unavailable(RuntimeTrouble):
    """The platform did not answer in time. The action may or may not have happened; observe and plan again."""


class StaleFence(RuntimeTrouble):
    """Somebody newer is in charge. Stop this controller."""


class Unfit(RuntimeTrouble):
    """The runtime will never accept this object. Blames the release."""


SPOKEN = 50
"""Instances that ``spoken`` names at most: the latest."""


Introduced = Mapping[ServiceName, Mapping[Ecosystem, tuple[int, int]]]
"""Each service's (frontend, backend) ports in each ecosystem."""


class Runtime(Protocol):
    """On one machine: bubblewrap, supervisord, Envoy and the sentinel."""

    def open(self, ecosystem: Ecosystem, fence: Fence) -> None:
        """Make the ecosystem ready for workloads and routes."""

    def introduce(self, services: Introduced, fence: Fence, public: Sequence[str] = ()) -> None:
        """Tell the runtime every service with its (frontend, backend) ports in each ecosystem, and production's own public names,
        by which it knows the company's names from others'; whole, replaces."""

    def observe(self, ecosystem: Ecosystem) -> Observed: ...
    def put_workload(self, workload: Workload, fence: Fence) -> None:
        """The values of its secrets are no part of it: a runtime reads them where it was told to, by ecosystem, service and
        ``key.secrets``, and gives an instance exactly those that are named. Unavailable while one of them is not there."""

    def delete_workload(self, key: WorkloadKey, fence: Fence) -> None: ...
    def put_route(self, route: Route, fence: Fence) -> None: ...
    def delete_route(self, ecosystem: Ecosystem, service: ServiceName, fence: Fence) -> None: ...
    def put_job(self, job: Job, fence: Fence) -> None:
        """Start it once. A second put of the same id, at whatever time, never runs the command again."""

    def delete_job(self, job: JobId, fence: Fence) -> None:
        """Stop it if it runs (STOPPED), and forget it once it is stopped."""

    def jobs(self) -> Mapping[JobId, Job]:
        """Jobs of every place, with results where they have ended, until deleted."""

    def traffic(self, ecosystem: Ecosystem) -> tuple[TrafficSample, ...]: ...
    def crossings(self, ecosystem: Ecosystem, after: int) -> tuple[Crossing, ...]:
        """Those with ``seq`` > after, ascending. seq grows within an ecosystem and is never reused."""

    def log(self, source: InstanceId | JobId, offset: int) -> Iterator[bytes]:
        """The log from that byte on, in chunks; negative: that many bytes before the end. Ends at the present end."""

    def spoken(self, release: ReleaseId) -> tuple[InstanceId, ...]:
        """Instances of the release that left a log, gone ones too until it is discarded; who wrote last comes last."""

    def holdings(self) -> tuple[Holding, ...]:
        """What takes up room in its places, as last measured."""

    def discard(self, holdings: Sequence[Holding], fence: Fence) -> None:
        """Let go of what ``holdings`` named. Gone is fine; what turns out to be in use again stays, and no harm is done."""

    def troubles(self) -> tuple[Finding, ...]:
        """What is wrong with its own parts. Asked by people alone, so it may take some seconds."""

    def boundary(self) -> BoundaryReport: ...
    def sentinels(self) -> tuple[SentinelSeen, ...]:
        """What the sentinels count; one that does not answer at the moment is missing."""
