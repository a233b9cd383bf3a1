"""A machine's worth of company for each test: its own directory, its own user, and nothing left behind."""

import os
from collections.abc import Generator, Iterator

import pytest
from acceptance_ground import ORDINARY, REPOSITORY, copy_of_the_checkout, ended, own, short_directory
from acceptance_person import Person
from acceptance_traces import told


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed says what the parts of the company said last."""
    report = yield
    people = getattr(item, "funcargs", {}).values() if report.failed else ()
    for root in {person.root for person in people if hasattr(person, "root")}:
        report.sections += told(root)
    return report


@pytest.fixture(scope="module")
def somebody() -> Iterator[Person]:
    """Whoever runs the tests."""
    person = Person(short_directory(), REPOSITORY, None)
    yield person
    ended(person)


@pytest.fixture(scope="module")
def ordinary() -> Iterator[Person]:
    """An ordinary user with a clone of their own."""
    if os.geteuid() != 0:
        pytest.skip("the tests are run by an ordinary user already: `somebody` is one")
    root = short_directory()
    copy_of_the_checkout(root / "clone")
    own(root, ORDINARY)
    person = Person(root, root / "clone", ORDINARY)
    yield person
    ended(person)
