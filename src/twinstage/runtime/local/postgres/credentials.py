"""Passwords of an ecosystem's database roles: derived from its key, kept nowhere, and never told to the server itself."""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from twinstage.runtime.runtime import Unavailable

_BYTES = 32
_ITERATIONS = 4096
"""PostgreSQL's own number. More would protect a password that can be guessed; these are 256 random bits."""


class Credentials:
    """One ecosystem's. The key is made when it is first asked for, and never again: a file of mode 0600."""

    def __init__(self, path: Path, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._path, self._random = path, random
        self._key: bytes | None = None

    def password(self, role: str) -> str:
        """64 hex digits."""
        return hmac.new(self._read(), f"password {role}".encode(), hashlib.sha256).hexdigest()

    def verifier(self, role: str) -> str:
        """What the server stores to check the password by (SCRAM-SHA-256, RFC 5803): the password cannot be had from it."""
        salt = hmac.new(self._read(), f"salt {role}".encode(), hashlib.sha256).digest()[:16]
        return scram(self.password(role), salt)

    def _read(self) -> bytes:
        if self._key is None:
            if not self._path.exists():
                self._make()
            key = self._path.read_bytes()
            if len(key) != _BYTES:
                raise Unavailable(
                    f"cannot derive database passwords: {self._path} holds {len(key)} bytes and not {_BYTES}; "
                    "bring it back from a backup, or remove it: every password is then another one"
                )
            self._key = key
        return self._key

    def _make(self) -> None:
        """Whole or not at all, and never over one that is there: passwords in use come from it."""
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self._random(_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(part, self._path)
        finally:
            part.unlink()


def scram(password: str, salt: bytes) -> str:
    """The verifier as PostgreSQL keeps it: ``SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey``."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    salt64, stored64, server64 = (
        base64.b64encode(raw).decode() for raw in (salt, hashlib.sha256(client).digest(), server)
    )
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt64}${stored64}:{server64}"
