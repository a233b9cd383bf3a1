"""What the sentinel remembers and writes of each caller: everything that counts, in bounded memory."""

import json
import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.inside.report import Report
from twinstage.inside.tally import MOST_PLACES, REST, Distinct
from twinstage.inside.targets import OTHER_ECOSYSTEM, OUTSIDE, UNDECLARED, Target
from twinstage.inside.wires import Wire

MANY = 30_000
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def wire(name: str) -> Wire:
    return Wire(
        id=name, address="10.64.1.1", backend=None, listens=None, hostname="orders", service="orders", release="r_1",
        source={"job": name}, calls=(),
    )  # fmt: skip


def target(number: int, kind: str = OUTSIDE) -> Target:
    return Target(kind=kind, target=f"dns h{number}.example.com", advice="declare it")


def reported(folder: Path, clock: Clock) -> Report:
    return Report(path=folder / "crossings.jsonl", now=lambda: NOW, clock=clock)


def lines(report: Report) -> list[dict[str, object]]:
    return [json.loads(line) for line in report.path.read_text().splitlines()]


def test_thousands_of_places_take_no_more_room_than_the_first_ones(tmp_path: Path) -> None:
    report, caller = reported(tmp_path, Clock()), wire("a")
    for number in range(MOST_PLACES + 1):
        report.add(caller, target(number), "NXDOMAIN")
    tracemalloc.start()
    for number in range(MANY):
        report.add(caller, target(number), "NXDOMAIN")
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 64 << 10
    report.close()
    found = lines(report)
    assert sum(int(str(line["count"])) for line in found) == MANY + MOST_PLACES + 1
    assert len({line["target"] for line in found}) == MOST_PLACES + 1
    said = str(found[-1]["advice"]).split("about ")[1].split(" more")[0]
    assert abs(int(said.replace(",", "")) - MANY) < MANY * 0.05


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([OUTSIDE, UNDECLARED, OTHER_ECOSYSTEM])), max_size=8))
def test_no_flood_hides_another_callers_or_another_kinds_first_attempt(
    tmp_path_factory: pytest.TempPathFactory, floods: list[tuple[str, str]]
) -> None:
    report = reported(tmp_path_factory.mktemp("state"), Clock())
    for name, kind in floods:
        for number in range(MOST_PLACES + 20):
            report.add(wire(name), target(number, kind), "403")
    free = [(n, k) for n in "abc" for k in (OUTSIDE, UNDECLARED, OTHER_ECOSYSTEM) if (n, k) not in floods]
    for name, kind in free:
        report.add(wire(name), target(77_777, kind), "403")
    found = {(line["wire"], line["kind"], line["target"]) for line in lines(report)}
    assert found >= {(name, kind, "dns h77777.example.com") for name, kind in free}
    assert {(n, k) for n, k, t in found if str(t).startswith(REST)} == set(floods)
    report.close()


def test_what_goes_on_is_written_ever_more_seldom_and_counted_whole(tmp_path: Path) -> None:
    clock = Clock()
    report = reported(tmp_path, clock)
    for _ in range(6000):
        report.add(wire("a"), target(1), "403")
        clock.seconds += 0.1
        report.flush()
    assert len(lines(report)) < 30
    report.close()
    assert sum(int(str(line["count"])) for line in lines(report)) == 6000
    assert report.counts == Counter({(OUTSIDE, "403"): 6000})


def test_who_is_gone_is_forgotten_once_everything_of_it_is_written(tmp_path: Path) -> None:
    clock = Clock()
    report = reported(tmp_path, clock)
    for name in "ab":
        for _ in range(3):
            report.add(wire(name), target(1), "403")
    report.keep({"b"})
    clock.seconds = 1.0
    report.flush()
    assert [line["count"] for line in lines(report) if line["wire"] == "a"] == [1, 2]
    report.keep({"b"})
    assert report._books.keys() == {"b"}
    report.close()


@pytest.mark.parametrize("number", [0, 1, 10, 1000, 100_000])
def test_about_how_many_there_were(number: int) -> None:
    seen = Distinct()
    for _ in range(2):
        for each in range(number):
            seen.add(f"dns host-{each}.example.com")
    assert abs(seen.count - number) <= number * 0.05
