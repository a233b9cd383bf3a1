"""What happened between two looks at cumulative counters."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from twinstage.model.seen import TrafficSample

Buckets = Sequence[tuple[float, int]]


@dataclass(frozen=True, kw_only=True)
class Window:
    """Requests of one workload over some time."""

    requests: int = 0
    errors: int = 0
    latency: tuple[tuple[float, int], ...] = ()
    """(upper bound in milliseconds, cumulative count), ascending."""


def difference(first: Iterable[TrafficSample], last: Iterable[TrafficSample]) -> Window:
    """What one workload did between two looks, summed over proxies.

    A (source, epoch) that the first look lacks began after it (that proxy has restarted) and counts from zero. One that
    the last look lacks is gone with its counts: nothing is known of what it did since.
    """
    before = {(sample.source, sample.epoch): sample for sample in first}
    requests = errors = 0
    buckets: dict[float, int] = {}
    pairs = [(sample, before.get((sample.source, sample.epoch))) for sample in last]
    bounds = sorted({bound for sample, _ in pairs for bound, _ in sample.latency})
    for sample, start in pairs:
        requests += max(0, sample.requests - (start.requests if start else 0))
        errors += max(0, sample.errors - (start.errors if start else 0))
        for bound in bounds:
            count = below(sample.latency, bound) - (below(start.latency, bound) if start else 0)
            buckets[bound] = buckets.get(bound, 0) + max(0, count)
    return Window(requests=requests, errors=errors, latency=tuple((bound, buckets[bound]) for bound in bounds))


def below(latency: Buckets, bound: float) -> int:
    """How many took at most ``bound`` milliseconds, as far as the buckets say: those of the last bucket up to it."""
    at = bisect_right(latency, bound, key=lambda bucket: bucket[0])
    return latency[at - 1][1] if at else 0
