"""Where built trees stand: which commit is built where, whether it is built, and whether anybody has touched it since."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Protocol

from twinstage.artifacts.identity import input_hash
from twinstage.artifacts.readings import Readings
from twinstage.artifacts.seals import Seal, Seals
from twinstage.inside import seal as sealing
from twinstage.model.commit import CommitInfo
from twinstage.model.holding import Holding, HoldingKind
from twinstage.model.names import Digest, ServiceName
from twinstage.model.release import Artifact, Definition
from twinstage.model.rollout import ServiceState

INSIDE = "/artifacts"
"""Where every sandbox has the trees."""
DEFINITION = "twinstage.yaml"
KIND = "tree"


class Damaged(Exception):
    """A tree is not what its build said it was. Blames the release; the message says what differs."""


class Commits(Protocol):
    """What the shelf needs of the forge; ``forge.Mirror`` has it."""

    def info(self, service: ServiceName, commit: str, path: str = ".") -> CommitInfo: ...
    def show(self, service: ServiceName, commit: str, path: str) -> bytes: ...
    def export(self, service: ServiceName, commit: str, path: str, to: Path) -> None: ...


Read = Callable[[bytes, str, ServiceName], Definition]
"""(text, the file's name, the name it must have) -> Definition; raises config.Problems."""


class TreeShelf:
    """The local runtime's artifacts: directories named by what they are built from.

    ``artifacts`` is INSIDE as this process sees it; ``exports`` gets the tar files; ``seals`` is the controller's alone;
    ``toolchain`` names interpreter and uv with their versions.
    """

    def __init__(
        self,
        *,
        commits: Commits,
        read: Read,
        artifacts: Path,
        exports: Path,
        seals: Path,
        toolchain: str,
        readings: Readings | None = None,
    ) -> None:
        self._commits = commits
        self._read = read
        self._artifacts = artifacts
        self._exports = exports
        self._seals = Seals(seals)
        self._toolchain = toolchain
        self._readings = readings or Readings()
        self._lock = threading.Lock()

    def definition(self, service: ServiceState, commit: str) -> Definition:
        """Raises config.Problems for a definition with mistakes, the forge's troubles where there is none."""
        path = DEFINITION if service.path == "." else f"{service.path}/{DEFINITION}"
        return self._read(self._commits.show(service.service, commit, path), path, service.service)

    def commit(self, service: ServiceState, commit: str) -> CommitInfo:
        return self._commits.info(service.service, commit, service.path)

    def export(self, service: ServiceState, commit: str) -> str:
        """The export's name; the file is this and ``.tar`` in ``exports``. Made where it is missing."""
        name = f"{service.service}-{commit}"
        tar, made_of = self._exports / f"{name}.tar", self._exports / f"{name}.tree"
        tree = self.commit(service, commit).tree
        with self._lock:
            # The tree is noted because the service's path, and so what is exported, may be configured anew.
            if not tar.is_file() or not made_of.is_file() or made_of.read_text() != tree:
                made_of.unlink(missing_ok=True)
                self._commits.export(service.service, commit, service.path, tar)
                made_of.write_text(tree)
        return name

    def location(self, service: ServiceState, commit: str, definition: Definition) -> str:
        """Where this commit is built, as sandboxes see it. Nothing is ever built over a tree that was sealed and damaged:

        releases that run may have it mounted. Then the next free name is the answer.
        """
        tree = self.commit(service, commit).tree
        base = input_hash(service.service, tree, service.path, definition.build, self._toolchain)
        for number in count(1):
            name = base if number == 1 else f"{base}-{number}"
            seal = self._seals.read(name)
            if seal is None or self._is(name, seal.digest):
                return f"{INSIDE}/{name}"
        raise AssertionError("count never ends")

    def sealed(self, location: str) -> Artifact | None:
        """The artifact there, if it was built, sealed and is intact."""
        seal = self._seals.read(_name(location))
        if seal is None:
            return None
        artifact = Artifact(kind=KIND, digest=seal.digest, location=location)
        return artifact if self.intact(artifact) else None

    def seal(self, location: str, digest: str) -> Artifact:
        """Takes note of a tree that was just built. Raises Damaged when it does not have the digest that its build reported.

        Sealing again is legal while the digest is the same: a controller may have died right after the first time.
        Raises Unread while a large tree is being read: call again.
        """
        name = _name(location)
        return self._readings.of(f"{location}, to be sealed as {digest},", lambda: self._seal(name, location, digest))

    def _seal(self, name: str, location: str, digest: str) -> Artifact:
        tree = self._artifacts / name
        known = self._seals.read(name)
        if known is not None and known.digest != digest:
            raise Damaged(f"cannot seal {location}: it is sealed already, with another digest; submit the commit again")
        try:
            # The look first: a change between the two shows as a different look, and is then found by the digest.
            look = sealing.fingerprint(tree)
            found = sealing.digest(tree)
        except (OSError, sealing.Unsealable) as error:
            raise Damaged(f"cannot seal {location}: {error}; submit the commit again") from error
        if found != digest:
            raise Damaged(f"cannot seal {location}: its build reported {digest}, but it is {found}; submit it again")
        self._seals.write(name, Seal(digest=Digest(digest), look=look))
        return Artifact(kind=KIND, digest=Digest(digest), location=location)

    def intact(self, artifact: Artifact) -> bool:
        """Whether the tree is still what was sealed. Files are read only where something looks different.

        Raises Unread while a large tree is being looked at: ask again.
        """
        return artifact.kind == KIND and self._is(_name(artifact.location), artifact.digest)

    def holdings(self) -> tuple[Holding, ...]:
        """Exports by their names."""
        found = []
        for tar in sorted(self._exports.glob("*.tar")):
            try:
                seen = tar.stat()
            except FileNotFoundError:
                continue  # discarded while it was listed
            at = datetime.fromtimestamp(seen.st_mtime, UTC)
            service = ServiceName(tar.stem.rpartition("-")[0])
            size = seen.st_blocks * 512
            found.append(Holding(kind=HoldingKind.EXPORT, name=tar.stem, service=service, bytes=size, at=at))
        return tuple(found)

    def discard(self, holding: Holding) -> None:
        """An export goes. Of an artifact the seal goes, so that nothing counts on its tree any more."""
        if holding.kind is HoldingKind.ARTIFACT:
            self._seals.forget(holding.name)
        if holding.kind is HoldingKind.EXPORT and "/" not in holding.name:
            with self._lock:
                for suffix in ("tree", "tar"):
                    (self._exports / f"{holding.name}.{suffix}").unlink(missing_ok=True)

    def _is(self, name: str, digest: Digest) -> bool:
        return self._readings.of(f"{INSIDE}/{name}, sealed as {digest},", lambda: self._look(name, digest))

    def _look(self, name: str, digest: Digest) -> bool:
        seal = self._seals.read(name)
        if seal is None or seal.digest != digest:
            return False
        tree = self._artifacts / name
        try:
            look = sealing.fingerprint(tree)
            if look == seal.look:
                return True
            if sealing.digest(tree) != digest:
                return False
        except (OSError, sealing.Unsealable):
            return False
        self._seals.write(name, Seal(digest=digest, look=look))
        return True


def _name(location: str) -> str:
    """The directory's name. Raises ValueError for what is no location of ours."""
    name = location.removeprefix(f"{INSIDE}/")
    if name == location or not name or "/" in name or name.startswith("."):
        raise ValueError(f"{location!r} is not an artifact's location")
    return name
