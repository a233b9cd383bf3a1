"""The traffic of a world in memory: every frontend gets the same load, split exactly by the accepted route."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from twinstage.model.names import Ecosystem
from twinstage.model.seen import TrafficSample
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.behaviour import Behaviour
from twinstage.runtime.fake_workload import FakeWorkload

BUCKETS = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0)
"""Upper bounds in milliseconds."""


@dataclass(kw_only=True)
class Counters:
    requests: int = 0
    errors: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    due: float = 0.0
    """The part of a request that its share has not filled yet."""
    wrong: float = 0.0
    """The part of an error that its rate has not filled yet."""


class Meter:
    """``requests``: per step and frontend. ``failed``: users' requests that got an error or no answer."""

    def __init__(self, requests: int) -> None:
        self.requests = requests
        self.failed = 0
        self.epochs: dict[Ecosystem, int] = dict.fromkeys(Ecosystem, 1)
        self._counters: dict[WorkloadKey, Counters] = defaultdict(Counters)

    def restart(self, ecosystem: Ecosystem) -> None:
        """The proxy restarts: its counters begin anew, in a new epoch."""
        self.epochs[ecosystem] += 1
        for key in [k for k in self._counters if k.ecosystem is ecosystem]:
            del self._counters[key]

    def drain(self, workloads: Mapping[WorkloadKey, FakeWorkload]) -> None:
        """One step's answers: whoever gets no new requests has soon none in flight."""
        for busy in workloads.values():
            busy.in_flight = max(0, busy.in_flight - 2)

    def serve(
        self,
        route: Route,
        workloads: Mapping[WorkloadKey, FakeWorkload],
        behaviour: Callable[[Workload], Behaviour],
    ) -> None:
        """One step's requests at one frontend."""
        for key, share in route.split:
            held = workloads.get(key)
            count = self._counters[key]
            count.due += self.requests * share / 100
            number, count.due = int(count.due), count.due % 1
            if held is None or not held.healthy:
                count.requests += number
                count.errors += number
                self.failed += number
                continue
            held.in_flight = 3 if share and self.requests else held.in_flight
            self._answer(count, number, behaviour(held.workload))

    def _answer(self, count: Counters, number: int, how: Behaviour) -> None:
        count.wrong += number * how.error_rate
        errors, count.wrong = int(count.wrong), count.wrong % 1
        count.requests += number
        count.errors += errors
        self.failed += errors
        for place, bound in enumerate(BUCKETS):
            if how.latency <= bound:
                count.latency[place] += number

    def samples(self, ecosystem: Ecosystem, now: datetime) -> tuple[TrafficSample, ...]:
        """Cumulative counters of every workload that the proxy knows."""
        return tuple(
            TrafficSample(
                workload=key,
                source=f"{ecosystem.value}-proxy",
                epoch=str(self.epochs[ecosystem]),
                at=now,
                requests=count.requests,
                errors=count.errors,
                latency=tuple(zip(BUCKETS, count.latency, strict=True)),
            )
            for key, count in sorted(self._counters.items())
            if key.ecosystem is ecosystem
        )
