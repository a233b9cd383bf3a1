"""What takes up room in the world in memory: a tree for each build, a directory for each job, and what a test adds."""

from collections.abc import Iterable
from datetime import datetime

from twinstage.model.holding import Holding, HoldingKind
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Place

Which = tuple[HoldingKind, Place | None, str]
TREE, RESULT = 50 << 20, 1 << 10


class Storeroom:
    def __init__(self) -> None:
        self.held: dict[Which, Holding] = {}
        self.gone: set[str] = set()
        """Names of artifacts that were discarded and not built again."""

    def add(self, holding: Holding) -> None:
        self.held[_which(holding)] = holding

    def worked(self, job: Job, now: datetime) -> None:
        """A job has ended: this is what it leaves."""
        self.add(Holding(kind=HoldingKind.JOB, name=job.id, place=job.place, bytes=RESULT, at=now))
        if job.kind is JobKind.BUILD and job.output.get("digest") and job.builds:
            name = job.builds.rpartition("/")[2]
            self.gone.discard(name)
            self.add(Holding(kind=HoldingKind.ARTIFACT, name=name, place=Place.WORKSHOP, bytes=TREE, at=now))

    def discard(self, holdings: Iterable[Holding]) -> None:
        for holding in holdings:
            if self.held.pop(_which(holding), None) and holding.kind is HoldingKind.ARTIFACT:
                self.gone.add(holding.name)


def _which(holding: Holding) -> Which:
    return holding.kind, holding.place, holding.name
