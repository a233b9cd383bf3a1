"""How the core lets somebody in to an instance: it has the ecosystem's doorman started, and asks."""

import contextlib
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.inside.exchange import NoNote, Notes
from twinstage.model.names import InstanceId
from twinstage.runtime.local.layout import Layout, place_of
from twinstage.runtime.local.naming import parse_instance
from twinstage.runtime.local.supervisor.client import Supervisor
from twinstage.runtime.runtime import Unavailable

DOORMAN = "doorman"
_STARTING = 10.0
"""Seconds for a doorman to start and to listen."""
_ENTERING = 10.0
"""Seconds for an answer: the command runs by then."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """A visit that has begun. ``descriptors``: the near ends of the command's input, output and errors, or of its
    terminal; ``notes``: tells its end. Whoever closes that ends it."""

    notes: Notes
    descriptors: Sequence[int]


class Shut(Exception):
    """The instance lets nobody in. The message is the cause, for people."""


class Doorway:
    """The doors of one company's ecosystems."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def enter(self, instance: InstanceId, command: Sequence[str], terminal: dict[str, Any] | None) -> Inside:
        """Returns when the command runs. Raises Shut, or Unavailable when the doorman does not answer."""
        try:
            ecosystem, program = parse_instance(instance)
        except ValueError:
            raise Shut("there is no instance of that name") from None
        doors = self._layout.doors(place_of(ecosystem))
        notes = Notes(_started(Supervisor(doors / "supervisor.sock"), doors / f"{DOORMAN}.sock"))
        try:
            notes.send(id=program, command=list(command), terminal=terminal)
            told, descriptors = notes.receive(_ENTERING)
        except (NoNote, OSError) as trouble:
            notes.close()
            raise Unavailable(f"the doorman of {ecosystem} does not answer: {trouble}") from None
        if not told.get("ok"):
            notes.close()
            raise Shut(str(told.get("error")))
        return Inside(notes=notes, descriptors=descriptors)


def _started(supervisor: Supervisor, path: Path) -> socket.socket:
    """A connection to the doorman. It ends by itself when nobody comes, so it may end between two of our looks."""
    end = time.monotonic() + _STARTING
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
        except OSError as trouble:
            connection.close()
            if time.monotonic() > end:
                raise Unavailable(f"the doorman does not start: {trouble}; see {DOORMAN}.log") from None
            with contextlib.suppress(Unavailable):
                if DOORMAN not in supervisor.processes():  # a sandbox that an older Twinstage made
                    supervisor.add([DOORMAN])
                supervisor.start(DOORMAN)
            time.sleep(0.05)
        else:
            return connection
