"""Identifiers and the two or three words that every other noun is built from."""

from enum import StrEnum
from typing import NewType

ServiceName = NewType("ServiceName", str)
ReleaseId = NewType("ReleaseId", str)
"""``r_`` and the first 12 hex digits of sha256 over the canonical JSON of commit, artifact digest and definition."""
RolloutId = NewType("RolloutId", str)
LaneId = NewType("LaneId", str)
"""8 hex digits: a fixed length, so that no lane is a prefix of another."""
JobId = NewType("JobId", str)
"""``{rollout}.{kind}.{name}.{round}.{attempt}``: derived, so that creating a job twice is creating it once."""
InstanceId = NewType("InstanceId", str)
Port = NewType("Port", int)
"""Below 32768; above, the kernel hands ports out as source ports."""
Digest = NewType("Digest", str)


class Ecosystem(StrEnum):
    PRODUCTION = "production"
    STAGING = "staging"

    @property
    def other(self) -> "Ecosystem":
        return Ecosystem.STAGING if self is Ecosystem.PRODUCTION else Ecosystem.PRODUCTION


class Place(StrEnum):
    """Where a job runs. The workshop reaches neither ecosystem; builds there get a package proxy, gates get nothing."""

    WORKSHOP = "workshop"
    STAGING = "staging"
    PRODUCTION = "production"


class Phase(StrEnum):
    DEVELOPMENT = "development"
    STAGING = "staging"
    CANARY = "canary"
    PRODUCTION = "production"
