"""The status that `script/test` ends with is the tests', whichever of its streams they are in."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("argument", "status"), [("--version", 0), ("--no-such-argument", 4)])
def test_its_status_is_that_of_the_tests(argument: str, status: int) -> None:
    ran = subprocess.run([ROOT / "script" / "test", "all", argument], capture_output=True, text=True, timeout=60)
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert ("not green" in ran.stdout) == bool(status)
