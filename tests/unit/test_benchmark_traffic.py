"""What benchmarks/traffic.py computes; its measuring is not for a test."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("traffic")
    for name in ("traffic", "sandboxed"):
        sys.modules.pop(name, None)


def measured(traffic: ModuleType, rate: float, p99: float, errors: int = 0) -> object:
    return traffic.Measured.read(json.dumps({"rate": rate, "p99": p99, "errors": errors}))


def test_ratios_are_medians_of_the_rounds_not_ratios_of_medians(traffic: ModuleType) -> None:
    found = {
        "static": tuple(measured(traffic, rate, 1.0) for rate in (100, 200, 400)),
        "ours": tuple(measured(traffic, rate, p99) for rate, p99 in ((90, 2.0), (100, 1.5), (380, 1.0))),
    }
    _, static, ours = traffic.table(found, "static").splitlines()
    assert "1.00 (1.00-1.00)" in static
    assert "0.90 (0.50-0.95)" in ours
    assert "1.50 (1.00-2.00)" in ours


def test_errors_are_told(traffic: ModuleType) -> None:
    found = {"static": (measured(traffic, 100, 1.0),), "ours": (measured(traffic, 100, 1.0, errors=3),)}
    assert traffic.table(found, "static").endswith("3 errors")


class Asked:
    """Stands for a target; notes when it is asked."""

    def __init__(self, name: str, asked: list[str]) -> None:
        self.name, self._asked = name, asked

    def ask(self, _: object) -> None:
        self._asked.append(self.name)


def test_every_target_is_asked_once_a_round_and_the_order_turns(traffic: ModuleType) -> None:
    asked: list[str] = []
    found = traffic.compare([Asked(name, asked) for name in "abc"], traffic.Load(seconds=0, connections=1), 3)
    assert asked == list("abcbcacab")
    assert {name: len(rounds) for name, rounds in found.items()} == {"a": 3, "b": 3, "c": 3}


@pytest.mark.parametrize("name", ["boundary", "bringup", "flood", "pipeline", "propagation", "scale", "traffic"])
def test_each_of_them_can_be_started(name: str) -> None:
    asked = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--help"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.startswith("usage: ")
