"""Asking for a command in an instance: over a socket beside the API's, since its streams come back as descriptors."""

import socket
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from twinstage import wire
from twinstage.client.connection import Broken, Unreachable, trouble_of
from twinstage.inside.exchange import NoNote, Notes, close

_ANSWER = 40.0
"""Seconds: the controller writes it down, a doorman is started, the command begins."""


class Visit:
    """A command that runs in an instance. ``descriptors``: the near ends of its input, output and errors, or its terminal's.

    Closing it ends the command and all that it started.
    """

    def __init__(self, notes: Notes, descriptors: Sequence[int]) -> None:
        self._notes, self.descriptors = notes, descriptors

    @classmethod
    def begun(cls, path: Path, asked: wire.Visiting, *, name: str) -> "Visit":
        """Raises Unreachable, Refused or Broken."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        notes = Notes(connection)
        try:
            connection.connect(str(path))
            notes.send(**asked.model_dump())
            told, descriptors = notes.receive(_ANSWER)
        except FileNotFoundError:
            notes.close()
            cause = f"nothing listens on {path}; `twinstage up` starts it"
            raise Unreachable(f"cannot reach the controller of {name}: {cause}") from None
        except PermissionError:
            notes.close()
            cause = f"{path} belongs to somebody else; run this as the user who ran `twinstage up`"
            raise Unreachable(f"cannot reach the controller of {name}: {cause}") from None
        except (OSError, NoNote) as trouble:
            notes.close()
            raise Unreachable(f"cannot reach the controller of {name} on {path}: {trouble}; try again") from None
        if told.get("ok"):
            return cls(notes, descriptors)
        notes.close()
        raise _complaint(told.get("problem"))

    def fileno(self) -> int:
        """Readable when it is over."""
        return self._notes.fileno()

    def end(self) -> tuple[int, str]:
        """Its exit status, and in words how it ended. Raises Unreachable when the controller went away: it ended then."""
        try:
            told, _ = self._notes.receive()
            return int(told["status"]), str(told["ended"])
        except (NoNote, KeyError, ValueError):
            raise Unreachable("the controller went away, and ended what ran; `twinstage status` says more") from None

    def close(self) -> None:
        self._notes.close()
        close(self.descriptors)  # whoever read one to its end has closed it


def _complaint(told: object) -> Exception:
    try:
        problem = wire.Problem.model_validate(told)
    except ValidationError:
        return Broken("cannot understand the controller: it may be of another version; `twinstage up` restarts it")
    return trouble_of(problem, problem.status)
