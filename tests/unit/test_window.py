"""Differences of cumulative counters, over several proxies and their restarts."""

from handmade import NOW, PRODUCTION, key

from twinstage.judge.window import Window, difference
from twinstage.model.seen import TrafficSample


def sample(requests=0, errors=0, *latency, source="a", epoch="1"):
    return TrafficSample(
        workload=key(PRODUCTION, "r2"),
        source=source,
        epoch=epoch,
        at=NOW,
        requests=requests,
        errors=errors,
        latency=latency,
    )


def test_only_what_happened_between_the_looks_counts() -> None:
    first, last = sample(100, 3, (10, 60), (50, 100)), sample(150, 4, (10, 80), (50, 150))
    assert difference([first], [last]) == Window(requests=50, errors=1, latency=((10, 20), (50, 50)))


def test_proxies_add_up_and_a_restarted_one_counts_from_zero() -> None:
    first = [sample(100, 3), sample(40, 0, source="b")]
    last = [sample(20, 1, epoch="2"), sample(50, 2, source="b")]
    assert difference(first, last) == Window(requests=30, errors=3)


def test_nothing_before_and_nothing_after() -> None:
    assert difference([], [sample(5, 1)]) == Window(requests=5, errors=1)
    assert difference([sample(5, 1)], []) == Window()
    assert difference([], []) == Window()


def test_counters_that_went_back_count_nothing() -> None:
    assert difference([sample(9, 2)], [sample(5, 1)]) == Window()


def test_buckets_may_differ() -> None:
    found = difference([sample(2, 0, (10, 2))], [sample(6, 0, (10, 3), (25, 6))])
    assert found.latency == ((10, 1), (25, 4))
