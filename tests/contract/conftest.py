"""The runtimes that must keep the contract. Every test of this directory runs on each of them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from contract.bench import Bench, FakeBench


@contextmanager
def fake() -> Iterator[Bench]:
    yield FakeBench()


BENCHES: dict[str, Any] = {"fake": fake}
"""Name -> a context manager that yields a Bench."""


@pytest.fixture(params=[pytest.param(name) for name in BENCHES])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made: AbstractContextManager[Bench] = BENCHES[request.param]()
    with made as found:
        yield found
