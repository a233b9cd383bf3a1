"""How much is kept of what nobody needs."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Of what is needed everything is kept, whatever it takes."""

    baselines: int = 5
    """Releases of each service that production runs or could be rolled back to."""
    removed: timedelta = timedelta(days=7)
    """How long a removed service could still come back as it was."""
    artifacts: timedelta = timedelta(hours=24)
    """Since the last use: the same commit may be submitted again."""
    exports: timedelta = timedelta(minutes=10)
    jobs: timedelta = timedelta(days=14)
    logs: timedelta = timedelta(days=14)
    log_bytes: int = 512 << 20
    """Of the logs of what runs no more, all together."""
    cache_bytes: int | None = 5 << 30
    """Of all package caches; None: without bound."""
    every: timedelta = timedelta(hours=1)
    first: timedelta = timedelta(minutes=5)
    """After a controller's start."""
    patience: timedelta = timedelta(minutes=10)
    """How long a collection is tried before what did not go stays for the next one."""
