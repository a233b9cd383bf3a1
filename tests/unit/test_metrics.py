"""The counters of the boundary, as Prometheus and `boundary --json` read them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from face_company import START, Api, Company, release, workload
from prometheus_client.parser import text_string_to_metric_families

from twinstage import wire
from twinstage.model.names import Ecosystem, InstanceId, JobId
from twinstage.model.release import Release
from twinstage.model.seen import ELSEWHERE, OTHER_ECOSYSTEM, OUTSIDE, Crossing, SentinelSeen
from twinstage.store.rows import Attributed

ORDERS, OLD = release("orders", "1"), release("orders", "0")


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = Company(tmp_path)
    made.live(ORDERS)
    made.write(releases=(OLD,))
    crossed = [
        tried(ORDERS, "production payments", OTHER_ECOSYSTEM, 3),
        tried(ORDERS, "x.example:443", OUTSIDE, 40),
        tried(ORDERS, ELSEWHERE, OUTSIDE, 500),
        tried(OLD, "y.example:443", OUTSIDE, 7),
        Attributed(crossing=crossing("z:1", OUTSIDE, 1), service=None, release=None),
    ]
    made.write(crossings=tuple(crossed))
    answers = {(OUTSIDE, "403"): 20, (OUTSIDE, "dropped"): 9, (OTHER_ECOSYSTEM, "403"): 3}
    made.runtime.sentinels_ = (SentinelSeen(ecosystem=Ecosystem.STAGING, answers=answers, unread=2, starts=4),)
    yield made
    made.store.close()


def crossing(target: str, kind: str, count: int, release: Release | None = None) -> Crossing:
    source = workload(Ecosystem.STAGING, release) if release else JobId("gone")
    return Crossing(
        seq=1, at=START, ecosystem=Ecosystem.STAGING, source=source, instance=InstanceId("i"), target=target, kind=kind,
        answered="403", count=count,
    )  # fmt: skip


def tried(by: Release, target: str, kind: str, count: int) -> Attributed:
    return Attributed(crossing=crossing(target, kind, count, by), service=by.service, release=by.id)


def test_prometheus_reads_them_by_bounded_labels(company: Company) -> None:
    answer = Api(company.app()).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    labels = ("ecosystem", "kind", "answered", "service", "release")
    found = {
        (
            sample.name.removeprefix("twinstage_"),
            *(sample.labels[it] for it in labels if it in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found == {
        ("crossings_total", "staging", OTHER_ECOSYSTEM, "orders", ORDERS.id): 3,
        ("crossings_total", "staging", OUTSIDE, "orders", ORDERS.id): 540,
        ("crossings_total", "staging", OUTSIDE, "orders", "past"): 7,
        ("crossings_total", "staging", OUTSIDE, "", "past"): 1,
        ("crossings_together_total", "staging", OTHER_ECOSYSTEM, "orders", ORDERS.id): 0,
        ("crossings_together_total", "staging", OUTSIDE, "orders", ORDERS.id): 500,
        ("crossings_together_total", "staging", OUTSIDE, "orders", "past"): 0,
        ("crossings_together_total", "staging", OUTSIDE, "", "past"): 0,
        ("sentinel_answers_total", "staging", OUTSIDE, "403"): 20,
        ("sentinel_answers_total", "staging", OUTSIDE, "dropped"): 9,
        ("sentinel_answers_total", "staging", OTHER_ECOSYSTEM, "403"): 3,
        ("sentinel_unread_total", "staging"): 2,
        ("sentinel_restarts_total", "staging"): 3,
    }


def test_the_totals_stand_in_the_boundary(company: Company) -> None:
    found = wire.Boundary.model_validate_json(Api(company.app()).get("/v1/boundary").content)
    by_kind = {(it.service, it.release, it.kind): (it.attempts, it.places, it.together) for it in found.totals}
    assert by_kind[("orders", ORDERS.id, OUTSIDE)] == (540, 2, 500)
    assert by_kind[("", "", OUTSIDE)] == (1, 1, 0)
    (sentinel,) = found.sentinels
    assert (sentinel.restarts, sentinel.unread, sentinel.answers) == (3, 2, {"403": 23, "dropped": 9})
