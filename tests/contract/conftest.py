"""The runtimes that must keep the contract. Every test of this directory runs on each of them."""

from collections.abc import Iterator

import pytest

from contract import local_bench
from contract.bench import Bench, FakeBench
from contract.local_bench import LocalBench
from twinstage.runtime.local.layout import Layout


@pytest.fixture(scope="package")
def sandboxes() -> Iterator[Layout]:
    with local_bench.company() as layout:
        yield layout


@pytest.fixture
def local(sandboxes: Layout) -> Iterator[LocalBench]:
    """The runtime on this machine, with nothing in it."""
    made = LocalBench(sandboxes)
    yield made
    made.clean()


@pytest.fixture(params=["fake", pytest.param("local", marks=pytest.mark.real)])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "fake":
        return FakeBench()
    found: LocalBench = request.getfixturevalue("local")
    return found
