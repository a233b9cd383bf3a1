"""What was found when a tree was sealed: its content digest, and how it looked from outside.

Kept apart from the trees: they belong to the account that builds, the seals to the controller's.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from twinstage.model.names import Digest

Look = dict[str, list[int | str]]
"""Relative path -> type, mode, size, times, inode."""


@dataclass(frozen=True, kw_only=True)
class Seal:
    digest: Digest
    look: Look


class Seals:
    """``root`` is made (mode 0700) where it is missing. One file a tree, replaced whole."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str) -> Seal | None:
        """None: never sealed, or a seal that cannot be read, which is worth as much."""
        try:
            found = json.loads((self._root / f"{name}.seal.json").read_bytes())
            return Seal(digest=Digest(found["digest"]), look=found["look"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def forget(self, name: str) -> None:
        (self._root / f"{name}.seal.json").unlink(missing_ok=True)

    def write(self, name: str, seal: Seal) -> None:
        handle, temporary = tempfile.mkstemp(dir=self._root, prefix=".seal-")
        written = Path(temporary)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump({"digest": seal.digest, "look": seal.look}, file)
                file.flush()
                os.fsync(file.fileno())
            written.replace(self._root / f"{name}.seal.json")
        finally:
            written.unlink(missing_ok=True)
