"""What one instance or one job may take of the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

MIB, GIB = 1 << 20, 1 << 30
LEAST = {"memory": 32 * MIB, "processes": 8, "files": 64, "tmp": MIB, "work": 16 * MIB}
"""Less than this starts nothing: the sandbox's own first processes, a shell and an interpreter."""
MOST = {"memory": 1024 * GIB, "processes": 100_000, "files": 1_000_000, "tmp": 64 * GIB, "work": 1024 * GIB}
SIZES = frozenset({"memory", "tmp", "work"})
"""Those that are bytes; the others are counts."""
STATED = ("memory", "processes", "files", "tmp")
"""What a service may state for its instances. ``work`` is of jobs alone."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The company's, from its standard: the most that a service may state, and what one has that states nothing."""

    memory: int = 2 * GIB
    """Bytes."""
    processes: int = 1024
    """Processes and threads."""
    files: int = 4096
    """Descriptors that one process may have open."""
    tmp: int = 256 * MIB
    """Bytes in /tmp, and as many again in /dev/shm. Held in memory."""
    work: int = 4 * GIB
    """Bytes that a job may write into its working copy, a build into what it builds."""

    def narrowed(self, stated: Mapping[str, int]) -> "Bounds":
        """With what a service states of its own: stricter, never looser, also where the standard was tightened later."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return Bounds(**{name: min(most, stated.get(name, most)) for name, most in own.items()})
