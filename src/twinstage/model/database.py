"""A service's data: which databases they are, what they were last brought to, and what that changed."""

from dataclasses import dataclass
from datetime import datetime

from twinstage.model.names import Ecosystem, JobId, LaneId, ReleaseId, RolloutId, ServiceName

MAIN = "main"
"""An ecosystem's own data; every other name of data is a lane's, whose clone it is."""


@dataclass(frozen=True, kw_only=True, order=True)
class DataKey:
    """Names what a release's instances need before they start: its service's data, brought to this release."""

    ecosystem: Ecosystem
    service: ServiceName
    data: str
    release: ReleaseId


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One database was migrated by a release's command. What that changed is measured, never declared."""

    key: DataKey
    database: str
    job: JobId
    rollout: RolloutId | None
    at: datetime
    before: str
    """Digest of the catalogue before: sha256, hex."""
    after: str

    @property
    def changed(self) -> bool:
        """Did it change the schema?"""
        return self.before != self.after


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A lane's own data in staging. It is there from when it was first asked for until it was seen to be dropped."""

    service: ServiceName
    lane: LaneId
    release: ReleaseId
    """The latest that it was made for."""
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Behind:
    """Why staging's own data of a service is not at production's release yet."""

    why: str
    """For people."""
    stuck: bool = False
    """Its migration failed by its own fault: it is tried again, and most likely only another release helps."""
