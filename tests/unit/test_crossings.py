"""Crossings from the sentinel's files into the store: none lost, none twice, and no more rows than there are places."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.inside.report import Report, files
from twinstage.inside.targets import Target
from twinstage.inside.wires import Wire
from twinstage.model.encoding import dumps, encode
from twinstage.model.names import Ecosystem, InstanceId, JobId, ReleaseId, ServiceName
from twinstage.model.seen import Crossing
from twinstage.model.workload import WorkloadKey
from twinstage.runtime.local.crossings import read
from twinstage.store import schema
from twinstage.store.rows import Attributed, Change
from twinstage.store.store import Store

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
PRODUCTION = Ecosystem.PRODUCTION
KEY = WorkloadKey(
    ecosystem=PRODUCTION, service=ServiceName("orders"), process="web", release=ReleaseId("r_1"), secrets=1
)
LINE = {
    "at": NOW.isoformat(), "wire": "orders.web.r_1.1.main.0", "source": {"workload": encode(KEY)}, "target": "x:1",
    "kind": "outside", "answered": "closed", "advice": "",
}  # fmt: skip


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def wire(number: int) -> Wire:
    return Wire(
        id=f"orders.web.r_1.1.main.{number}", address="10.64.1.1", backend=None, listens=None, hostname="orders",
        service="orders", release="r_1", source={"workload": encode(KEY)}, calls=(),
    )  # fmt: skip


def reported(folder: Path, clock: Clock, most: int) -> Report:
    return Report(path=folder / "crossings.jsonl", now=lambda: NOW, clock=clock, most=most)


def tries(report: Report, clock: Clock, *targets: int) -> None:
    for target in targets:
        clock.seconds += 2
        report.flush()
        report.add(wire(0), Target(kind="outside", target=f"198.51.100.7:{target}", advice=""), "closed")


@given(
    steps=st.lists(st.sampled_from(["try", "read", "restart", "take away"]), max_size=40),
    most=st.sampled_from([1, 300, 1000]),
)
def test_files_begin_and_go_and_every_crossing_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], most: int
) -> None:
    folder, clock = tmp_path_factory.mktemp("state"), Clock()
    report = reported(folder, clock, most)
    told, seen, after = 0, [], 0
    for step in [*steps, "try", "read"]:
        if step == "try":
            told += 1
            tries(report, clock, told)
        elif step == "restart":
            report.close()
            report = reported(folder, clock, most)
        elif step == "read":
            found = read(PRODUCTION, report.path, after)
            assert [c.seq for c in found] == sorted({c.seq for c in found})
            seen += [c.target for c in found]
            after = max([after, *(c.seq for c in found)])
        else:
            held = files(report.path)
            for begins in sorted(held)[:-1]:
                if begins + held[begins].stat().st_size <= after:
                    held[begins].unlink()
    assert seen == [f"198.51.100.7:{number}" for number in range(1, told + 1)]
    report.close()


def test_half_a_line_on_a_full_disk_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    report = reported(tmp_path, clock, 1 << 20)
    real: Callable[[int, bytes], int] = __import__("os").write
    with monkeypatch.context() as full:
        full.setattr("twinstage.inside.report.os.write", lambda file, data: real(file, data[:10]))
        tries(report, clock, 1)
    assert report.path.read_bytes() == b""
    tries(report, clock, 2)
    assert [c.target for c in read(PRODUCTION, report.path, 0)] == ["198.51.100.7:1", "198.51.100.7:2"]


def test_repeats_that_the_sentinel_counted_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "crossings.jsonl"
    path.write_text("".join(json.dumps({**LINE, "count": n}) + "\n" for n in (1, 41)))
    assert [c.count for c in read(PRODUCTION, path, 0)] == [1, 41]


def crossing(seq: int, at: datetime = NOW, target: str = "x:1", count: int = 1) -> Crossing:
    return Crossing(
        seq=seq, at=at, ecosystem=PRODUCTION, source=KEY, instance=InstanceId("i"), target=target, kind="outside",
        answered="closed", count=count,
    )  # fmt: skip


def by_release(what: Crossing) -> Attributed:
    return Attributed(crossing=what, service=KEY.service, release=KEY.release)


def test_a_place_is_one_row_however_often_it_is_tried(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite", durable=False)
    store.take(NOW)
    for number in range(1, 6):
        at = NOW + timedelta(seconds=number)
        store.commit(Change(at=at, crossings=(by_release(crossing(number * 100, at, count=number)),)))
    (found,) = store.attributed_to((KEY.release,), 9)
    assert (found.crossing.count, found.crossing.seq) == (15, 500)
    assert (found.first, found.crossing.at) == (NOW + timedelta(seconds=1), NOW + timedelta(seconds=5))
    assert store.attributed(since=NOW + timedelta(seconds=4)) == [found]
    assert store.attributed(since=NOW + timedelta(seconds=6)) == []
    assert store.last_crossings()[PRODUCTION] == 500
    assert store.tried(KEY.release) == {("x:1", "outside")}
    store.close()


def test_a_store_of_before_is_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.sqlite"
    with monkeypatch.context() as old:
        old.setattr(schema, "HEAD", "0001")
        Store(path, durable=False).close()
    unknown = replace(crossing(40), source=JobId("gone"))
    every = [by_release(crossing(10)), by_release(crossing(20)), by_release(crossing(30, target="y:1"))]
    every.append(Attributed(crossing=unknown, service=None, release=None))
    with sqlite3.connect(path) as connection:
        for item in every:
            connection.execute(
                "INSERT INTO crossings (ecosystem, number, release, at, body) VALUES ('production', ?, ?, ?, ?)",
                (item.crossing.seq, item.release, encode(item.crossing.at), dumps(item)),
            )
    connection.close()
    store = Store(path, durable=False)
    found = {(a.owner, a.crossing.target): (a.crossing.count, a.crossing.seq) for a in store.attributed()}
    assert found == {("r_1", "x:1"): (2, 20), ("r_1", "y:1"): (1, 30), ("gone", "x:1"): (1, 40)}
    assert store.last_crossings() == {PRODUCTION: 40, Ecosystem.STAGING: 0}
    store.close()
