"""What a controller needs of forge and artifacts: commits, their definitions, and what was built from them."""

from typing import Protocol

from twinstage.model.commit import CommitInfo
from twinstage.model.holding import Holding
from twinstage.model.release import Artifact, Definition
from twinstage.model.rollout import ServiceState


class Shelf(Protocol):
    """artifacts.TreeShelf on one machine. Each may raise forge.ForgeTrouble or OSError, which blame the platform."""

    def definition(self, service: ServiceState, commit: str) -> Definition:
        """Raises config.Problems where twinstage.yaml has mistakes."""

    def commit(self, service: ServiceState, commit: str) -> CommitInfo: ...

    def export(self, service: ServiceState, commit: str) -> str:
        """Makes the commit's export where it is missing, and returns its name."""

    def location(self, service: ServiceState, commit: str, definition: Definition) -> str:
        """Where it is (to be) built. The same inputs have the same location."""

    def sealed(self, location: str) -> Artifact | None:
        """What was built there and is intact."""

    def seal(self, location: str, digest: str) -> Artifact:
        """Raises artifacts.Damaged when it is not what its build reported, artifacts.Unread while it is still read."""

    def intact(self, artifact: Artifact) -> bool:
        """Raises artifacts.Unread (an OSError) while a large tree is still looked at."""

    def holdings(self) -> tuple[Holding, ...]:
        """Exports, and whatever else of it takes up room."""

    def discard(self, holding: Holding) -> None:
        """An export goes; of an artifact whatever is known of it: its tree is the runtime's. Gone is fine."""
