"""Asking the sentinel to make the networks that the wire files describe. One line of JSON each way over its Unix socket."""

import json
import socket
from pathlib import Path
from typing import Any

from twinstage.runtime.runtime import Unavailable

_PATIENCE = 0.9  # seconds: a runtime call is short; what is not done by then is found done at the next look
_MOST = 1 << 20


class Sentinel:
    """The sentinel of one ecosystem."""

    what = "sentinel"

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, **question: Any) -> dict[str, Any]:
        """Raises Unavailable when it does not answer in time."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_PATIENCE)
                connection.connect(str(self._path))
                connection.sendall(json.dumps(question).encode() + b"\n")
                return self._answer(connection)
        except (OSError, ValueError) as error:
            raise Unavailable(f"cannot ask the {self.what} at {self._path} to {question.get('op')}: {error}") from error

    @staticmethod
    def _answer(connection: socket.socket) -> dict[str, Any]:
        said = b""
        while not said.endswith(b"\n") and len(said) < _MOST:
            more = connection.recv(65536)
            if not more:
                break
            said += more
        told = json.loads(said)
        if not isinstance(told, dict):
            raise ValueError(f"unexpected answer {said[:80]!r}")
        return told

    def sync(self) -> dict[str, str]:
        """Make the networks match the wire files; what failed, by wire, in words."""
        told = self.ask(op="sync")
        if not told.get("ok"):
            raise Unavailable(f"the sentinel cannot make the networks: {told.get('error')}")
        failed = told.get("failed", {})
        return {str(k): str(v) for k, v in failed.items()}

    def health(self, wire: str, path: str) -> int | None:
        """The HTTP status that the instance answers ``GET path`` with, now; None: it does not answer in HTTP, or in time."""
        status = self.ask(op="health", wire=wire, path=path).get("status")
        return None if status is None else int(status)

    def listening(self, wire: str) -> list[int]:
        """TCP ports on which something listens inside that instance."""
        return [int(port) for port in self.ask(op="listening", wire=wire).get("ports", [])]
