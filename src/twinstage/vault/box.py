"""One ecosystem's sealed content and its key, as bytes: on disk, or in memory for tests. What is in it is vault.py's matter."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from twinstage.vault.trouble import Unreadable

KEY_BYTES = 32


class Box(Protocol):
    def key(self) -> bytes:
        """32 bytes, made with the first call, the same ever after. Raises Unreadable."""

    def read(self) -> bytes | None:
        """The sealed content as last written; None: nothing ever was. Raises Unreadable."""

    def write(self, sealed: bytes) -> None:
        """Whole or not at all, and durable when it returns. Raises OSError."""


class FileBox:
    """``NAME.vault`` and ``NAME.key`` in a directory that is the caller's alone; both of mode 0600."""

    def __init__(self, directory: Path, name: str) -> None:
        self._sealed, self._key = directory / f"{name}.vault", directory / f"{name}.key"

    def key(self) -> bytes:
        try:
            found = self._key.read_bytes()
        except FileNotFoundError:
            if self._sealed.exists():  # another key could open nothing, and would only hide that this one is lost
                raise Unreadable(
                    f"cannot open {self._sealed}: its key {self._key.name} is gone; put it back from a backup, or move "
                    "the vault away and set every secret again"
                ) from None
            found = secrets.token_bytes(KEY_BYTES)
            _write(self._key, found)
        except OSError as error:
            raise Unreadable(f"cannot read {self._key}: {error.strerror}") from error
        if len(found) != KEY_BYTES:
            raise Unreadable(f"cannot use {self._key}: it has {len(found)} bytes, and a key has {KEY_BYTES}")
        return found

    def read(self) -> bytes | None:
        try:
            return self._sealed.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(f"cannot read {self._sealed}: {error.strerror}") from error

    def write(self, sealed: bytes) -> None:
        _write(self._sealed, sealed)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)  # the store is about to say that this is there
    finally:
        os.close(directory)


@dataclass
class MemoryBox:
    """For tests: what a file would hold."""

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(KEY_BYTES), repr=False)
    sealed: bytes | None = field(default=None, repr=False)

    def key(self) -> bytes:
        return self.secret

    def read(self) -> bytes | None:
        return self.sealed

    def write(self, sealed: bytes) -> None:
        self.sealed = sealed
