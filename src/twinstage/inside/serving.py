"""Answers one JSON line with another over a Unix socket: for what a place's controller alone asks, one request after the other."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twinstage.inside.modes import for_the_group

_PATIENCE = 0.5
"""Seconds for a request to arrive."""


def serve(answer: Callable[[bytes], dict[str, Any]], path: Path, longest: int) -> None:
    """For ever. ``answer`` never raises; ``longest``: bytes of a request at most."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        with for_the_group():
            door.bind(str(path))
        door.listen(8)
        while True:
            connection, _ = door.accept()
            with connection:
                try:
                    connection.settimeout(_PATIENCE)
                    told = answer(_line(connection, longest))
                    connection.sendall(json.dumps(told).encode() + b"\n")
                except OSError as error:
                    print(f"a request got no answer: {error}", file=sys.stderr, flush=True)


def _line(connection: socket.socket, longest: int) -> bytes:
    said = bytearray()
    while not said.endswith(b"\n") and len(said) < longest:
        more = connection.recv(1 << 16)
        if not more:
            break
        said += more
    return bytes(said)
