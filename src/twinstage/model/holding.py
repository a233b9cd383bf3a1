"""What takes up room, and what is to go of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from twinstage.model.names import Place, ServiceName


class HoldingKind(StrEnum):
    ARTIFACT = "artifact"
    """A built tree; named by the last part of its location."""
    EXPORT = "export"
    """A commit's tree as a tar file, for jobs to unpack."""
    CACHE = "package-cache"
    """Packages that builds of one service fetched; named by the service."""
    JOB = "job"
    """A job's log and result; named by its id."""
    LOG = "log"
    """The log of one program, with the one before it; named by the program."""
    ACCESS = "access-log"
    CROSSINGS = "crossings"
    """One file of the sentinel's record."""
    DATABASE = "database"
    """One database of an ecosystem's server; ``server`` is what is none's: its log of changes, its own tables."""
    REPOSITORY = "repository"
    STORE = "store"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One thing on a disk."""

    kind: HoldingKind
    name: str
    place: Place | None = None
    """Whose it is; None: the core's own."""
    service: ServiceName | None = None
    """None: nobody's, or not to be told by its name."""
    bytes: int
    at: datetime
    """When it was last changed."""
    needed: str = ""
    """Why whoever keeps it needs it itself; empty: it does not."""


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A decision to let go of things, written before the first of them goes. Whoever takes over carries on with it."""

    id: str
    at: datetime
    until: datetime
    """What has not gone by then stays for the next one."""
    by: str
    holdings: tuple[Holding, ...]
    done: datetime | None = None

    @property
    def bytes(self) -> int:
        return sum(holding.bytes for holding in self.holdings)
