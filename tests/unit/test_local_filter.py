"""The filter of system calls: what its decision lists is what it refuses, and the probe knows each by its number."""

import re
from fnmatch import fnmatch
from pathlib import Path

from twinstage.inside.probe.calls import NUMBERS
from twinstage.runtime.local.sandbox.filter import DENIED

DECISION = Path(__file__).parents[2] / "docs" / "decisions" / "0006-system-calls.md"
BY_ARGUMENT = {"clone", "clone3", "socket", "ioctl"}
"""Refused only with some arguments, or in another way."""
LACKING = {"iopl", "ioperm", "uselib"}
"""Not on every machine."""


def listed() -> set[str]:
    """Names and patterns of the decision's table."""
    cells = [line.split("|")[1] for line in DECISION.read_text().splitlines() if line.startswith("| `")]
    return {name for cell in cells for code in re.findall(r"`([^`]*)`", cell) for name in code.split()}


def test_what_is_decided_is_refused() -> None:
    unlisted = {name for name in DENIED if not any(fnmatch(name, pattern) for pattern in listed())}
    allowed = {pattern for pattern in listed() - BY_ARGUMENT if not any(fnmatch(name, pattern) for name in DENIED)}
    assert (unlisted, allowed) == (set(), set())


def test_the_probe_can_ask_for_each() -> None:
    assert set(DENIED) - LACKING <= NUMBERS.keys()
