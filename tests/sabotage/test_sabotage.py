"""Each fault turns the test that is named with it red, and the same tests are green without it.

A test that would let such a fault pass proves nothing; this is where that shows.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import FAULTS, Fault

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def run(checkout: Path, *tests: str) -> "subprocess.CompletedProcess[str]":
    """These tests of the checkout, on its own source."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    arguments = ["-q", "-p", "no:cacheprovider", "--tb=short", "-rfE", *tests]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=250,
    )


def test_without_a_fault_they_are_all_green(checkout: Path) -> None:
    tests = sorted({fault.test for fault in FAULTS})
    done = run(checkout, *tests)
    assert done.returncode == 0, done.stdout
    assert f"{len(tests)} passed" in done.stdout, done.stdout


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_turns_its_test_red(hurried: Path, fault: Fault) -> None:
    fault.put_into(hurried)
    done = run(hurried, fault.test)
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout, done.stdout
    assert f"FAILED {fault.test}" in done.stdout, done.stdout
    assert fault.says in done.stdout, done.stdout
