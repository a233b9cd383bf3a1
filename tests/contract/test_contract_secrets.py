"""What an instance has of secrets: exactly what its release names, of exactly that number."""

import hashlib
from contextlib import suppress

import pytest

from contract.bench import Bench, healthy, seen
from twinstage.model.names import Ecosystem
from twinstage.model.workload import Workload
from twinstage.runtime.runtime import Unavailable

ODD = "quotes ' and \" and 100 %(x)s\nand a line, ünd mehr $HOME `id`"


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def put(bench: Bench, number: int, *names: str) -> Workload:
    workload = bench.secret_workload(number, *names)

    def done() -> bool:
        with suppress(Unavailable):
            bench.runtime.put_workload(workload, bench.fence)
            return True
        return False

    bench.settle(done)
    bench.settle(lambda: healthy(bench, workload.key))
    return workload


def test_an_instance_has_what_its_release_names_and_nothing_else(bench: Bench) -> None:
    bench.give(Ecosystem.PRODUCTION, "orders", 11, {"TOKEN": ODD, "OTHER": "not named"})
    bench.give(Ecosystem.STAGING, "orders", 11, {"TOKEN": "of staging"})
    bench.give(Ecosystem.PRODUCTION, "payments", 11, {"TOKEN": "of payments"})
    workload = put(bench, 11, "TOKEN")
    bench.settle(lambda: bench.given(workload, "TOKEN") is not None)
    assert bench.given(workload, "TOKEN") == digest(ODD)
    assert bench.given(workload, "OTHER") is None


def test_two_numbers_of_one_release_stand_side_by_side(bench: Bench) -> None:
    bench.give(Ecosystem.PRODUCTION, "orders", 21, {"TOKEN": "old"})
    bench.give(Ecosystem.PRODUCTION, "orders", 22, {"TOKEN": "new"})
    old, new = put(bench, 21, "TOKEN"), put(bench, 22, "TOKEN")
    for workload, value in ((old, "old"), (new, "new")):
        bench.settle(lambda workload=workload: bench.given(workload, "TOKEN") is not None)
        assert bench.given(workload, "TOKEN") == digest(value)


def test_a_secret_that_is_not_there_is_the_platforms_trouble_and_starts_nothing(bench: Bench) -> None:
    bench.give(Ecosystem.PRODUCTION, "orders", 31, {"TOKEN": "there"})
    workload = bench.secret_workload(31, "TOKEN", "LACKING")
    with pytest.raises(Unavailable, match="LACKING is not set"):
        bench.runtime.put_workload(workload, bench.fence)
    assert seen(bench, workload.key) is None
    bench.give(Ecosystem.PRODUCTION, "orders", 31, {"LACKING": "now"})
    put(bench, 31, "TOKEN", "LACKING")
