"""A database's catalogue as a digest, by a command of its own that is run before a migration and after it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinstage.inside.joblog import JobLog
from twinstage.inside.jobprocess import Signals, run

_LIMIT = 120.0
"""Seconds: the server may be starting again, and whoever holds a lock may end."""
_LOG_BYTES = 64 * 1024
_TOLD = re.compile(r"^server (.+)\nschema ([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """``server``: another text after each start of it."""

    schema: str
    server: str


class Unmeasured(Exception):
    """The platform's trouble, in words."""


def measured(argv: Sequence[str], environment: Mapping[str, str], directory: Path, signals: Signals) -> Measured:
    """What the command says. Raises Unmeasured, and OSError where it cannot start."""
    path = directory / "measured.log"
    with JobLog(path, _LOG_BYTES) as log:
        ending = run(argv, environment, log, limit=_LIMIT, grace=2, signals=signals)
    said = path.read_text(errors="replace").strip()
    path.unlink()
    told = _TOLD.search(said)
    if ending.status or told is None:
        words = said.splitlines()[-1] if said else f"it ended with status {ending.status}"
        raise Unmeasured(f"cannot measure the database's schema: {words}")
    return Measured(server=told.group(1), schema=told.group(2))
