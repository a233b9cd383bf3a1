"""Commits and what is built from them, in memory. It outlives the controller, as a disk does."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from twinstage.artifacts.shelf import Damaged
from twinstage.forge.git import UnknownRevision
from twinstage.model.commit import CommitInfo
from twinstage.model.holding import Holding, HoldingKind
from twinstage.model.names import Digest, Ecosystem, ServiceName
from twinstage.model.release import Artifact, Definition, Outside, Process
from twinstage.model.rollout import ServiceState

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
GATES: Mapping[str, str] = {"lint": "ruff check .", "unit": "pytest", "integration": "pytest integration"}
REVIEWED = (("Reviewed-by", "Grace <grace@shop.example>"),)


@dataclass
class FakeShelf:
    commits: dict[str, tuple[Definition, CommitInfo]] = field(default_factory=dict)
    sealed_: dict[str, str] = field(default_factory=dict)
    exports: dict[str, Holding] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    """Locations at which somebody changed something."""

    def write(
        self,
        service: str,
        *,
        calls: Sequence[str] = (),
        verify: str | None = "pytest staging",
        gates: Mapping[str, str] = GATES,
        trailers: tuple[tuple[str, str], ...] = REVIEWED,
        databases: Mapping[str, str | None] | None = None,
        production: int = 2,
        staging: int = 1,
        secrets: Sequence[str] = (),
        outside: Mapping[str, Outside] | None = None,
    ) -> str:
        """A new commit of a service; returns its id."""
        commit = hashlib.sha1(f"{service} {len(self.commits)}".encode()).hexdigest()
        instances = {Ecosystem.PRODUCTION: production, Ecosystem.STAGING: staging}
        definition = Definition(
            service=ServiceName(service),
            build="uv sync",
            processes={"web": Process(run="python -m app", instances=instances, health="/healthz")},
            depends_on=tuple(ServiceName(name) for name in calls),
            databases=databases or {},
            gates=gates,
            verify=verify,
            secrets=tuple(secrets),
            outside=outside or {},
        )
        info = CommitInfo(
            commit=commit,
            tree=f"tree-{commit[:8]}",
            author="Ada",
            author_email="ada@shop.example",
            subject=f"Change {service}",
            trailers=trailers,
        )
        self.commits[commit] = (definition, info)
        return commit

    def _found(self, commit: str) -> tuple[Definition, CommitInfo]:
        if commit not in self.commits:
            raise UnknownRevision(f"cannot find commit {commit[:12]}: it was never received; submit it again")
        return self.commits[commit]

    def definition(self, service: ServiceState, commit: str) -> Definition:
        return self._found(commit)[0]

    def commit(self, service: ServiceState, commit: str) -> CommitInfo:
        return self._found(commit)[1]

    def export(self, service: ServiceState, commit: str) -> str:
        name = f"{service.service}-{commit}"
        self.exports[name] = Holding(kind=HoldingKind.EXPORT, name=name, service=service.service, bytes=1, at=BEFORE)
        return name

    def location(self, service: ServiceState, commit: str, definition: Definition) -> str:
        return f"/artifacts/{commit}"

    def sealed(self, location: str) -> Artifact | None:
        digest = self.sealed_.get(location)
        return None if digest is None else self._artifact(location, digest)

    def seal(self, location: str, digest: str) -> Artifact:
        if location in self.damaged:
            raise Damaged(f"cannot seal {location}: something else stands there; submit the commit again")
        self.sealed_[location] = digest
        return self._artifact(location, digest)

    def intact(self, artifact: Artifact) -> bool:
        return artifact.location not in self.damaged

    def holdings(self) -> tuple[Holding, ...]:
        return tuple(self.exports.values())

    def discard(self, holding: Holding) -> None:
        if holding.kind is HoldingKind.ARTIFACT:
            self.sealed_.pop(f"/artifacts/{holding.name}", None)
        self.exports.pop(holding.name, None)

    @staticmethod
    def _artifact(location: str, digest: str) -> Artifact:
        return Artifact(kind="tree", digest=Digest(digest), location=location)
