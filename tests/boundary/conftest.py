"""Ecosystem sandboxes with a sentinel in them: one for all questions of a module, or a fresh one for a test that breaks it."""

from collections.abc import Iterator

import hostile
import pytest
from sealed import Sealed


@pytest.fixture
def sealed() -> Iterator[Sealed]:
    """A fresh ecosystem sandbox; the sentinel is not started yet."""
    ecosystem = Sealed()
    try:
        yield ecosystem
    finally:
        ecosystem.close()


@pytest.fixture(scope="module")
def company() -> Iterator[Sealed]:
    """One sandbox for a whole module; the module's own fixture puts the sentinel and the programs in."""
    ecosystem = Sealed()
    try:
        yield ecosystem
    finally:
        ecosystem.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What hostile services cost their neighbour."""
    if hostile.MEASURED:
        terminalreporter.section("a neighbour's callers, meanwhile")
        for line in hostile.measured():
            terminalreporter.write_line(line)
