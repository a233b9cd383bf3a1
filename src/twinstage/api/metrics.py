"""The counters, as Prometheus reads them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from twinstage.api import crossings
from twinstage.api.office import Here, Office

PAST = "past"
"""Stands for every release that neither runs nor is on its way: labels are bounded by what there is now."""


class Metrics(Response):
    media_type = CONTENT_TYPE_LATEST


def read_metrics(office: Here) -> Metrics:
    """In Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counted([*_tried(office), *_answered(office)]))
    return Metrics(generate_latest(registry))


class _Counted(Collector):
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterator[Metric]:
        return iter(self._found)


def _tried(office: Office) -> Iterator[Metric]:
    """From the store: these go on through restarts of everything."""
    labels = ("ecosystem", "kind", "service", "release")
    attempts: Counter[tuple[str, ...]] = Counter()
    together: Counter[tuple[str, ...]] = Counter()
    present = _present(office)
    for it in crossings.totals(office):
        key = (it.ecosystem, it.kind, it.service, it.release if it.release in present else PAST)
        attempts[key] += it.attempts
        together[key] += it.together
    yield _family("twinstage_crossings", "Attempts to reach what is not there for the caller.", labels, attempts)
    words = "Attempts at places beyond those that are told apart."
    yield _family("twinstage_crossings_together", words, labels, together)


def _answered(office: Office) -> Iterator[Metric]:
    """From the sentinels: these begin anew with each start of one."""
    answers: Counter[tuple[str, ...]] = Counter()
    unread: Counter[tuple[str, ...]] = Counter()
    restarts: Counter[tuple[str, ...]] = Counter()
    for seen in office.runtime.sentinels():
        for (kind, answered), count in seen.answers.items():
            answers[(seen.ecosystem, kind, answered)] += count
        unread[(seen.ecosystem,)] += seen.unread
        restarts[(seen.ecosystem,)] += seen.starts - 1
    words = "Attempts by how the sentinel answered them: 403, closed, NXDOMAIN, dropped."
    yield _family("twinstage_sentinel_answers", words, ("ecosystem", "kind", "answered"), answers)
    words = "How often more datagrams were dropped at once than could be recorded."
    yield _family("twinstage_sentinel_unread", words, ("ecosystem",), unread)
    yield _family("twinstage_sentinel_restarts", "Restarts of the sentinel.", ("ecosystem",), restarts)


def _present(office: Office) -> set[str | None]:
    store = office.store
    running = {key.release for observed in office.latest().values() for key in observed.workloads}
    return (
        {s.baseline for s in store.services().values()} | {r.release for r in store.rollouts(open_only=True)} | running
    )


def _family(name: str, words: str, labels: tuple[str, ...], values: Counter[tuple[str, ...]]) -> Metric:
    family = CounterMetricFamily(name, words, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
