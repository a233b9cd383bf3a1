"""Keeps what an ecosystem's instances have of secrets, in memory alone: no file of this machine's disk ever holds a value.

    python -m twinstage.inside.lockbox --socket /sockets/lockbox.sock --keep /run/secrets

Runs inside the ecosystem's sandbox. The controller hands each instance's over before it starts; the launcher gives it to
bubblewrap by a descriptor. ``--keep`` lies in the sandbox's own tmpfs, which no instance and no other ecosystem has among its
mounts; so instances start again while there is no controller, and this program may die and start again. When the sandbox
ends it is all gone, and the controller hands it over anew.

Over the socket, one JSON line each way:

* ``{"op": "held"}`` -> ``{"ok": true, "held": [ids]}``
* ``{"op": "keep", "id": id, "values": {name: value}}`` -> ``{"ok": true}``
* ``{"op": "drop", "ids": [ids]}`` -> ``{"ok": true}``

Trouble is ``{"ok": false, "error": words}``, and never has a value in it.
"""

import argparse
import json
import os
import re
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from twinstage.inside.serving import serve

REQUEST_BYTES = 4 << 20
"""A service's values together have half a MiB at most; as JSON one character may be six."""
_ID = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,200}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Lockbox:
    """``folder``: in memory, made here, this account's alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def answer(self, request: bytes) -> dict[str, Any]:
        """What one request comes to. Never raises."""
        try:
            told = json.loads(request)
            match told["op"]:
                case "held":
                    return {"ok": True, "held": sorted(p.name for p in self._folder.iterdir() if _ID.fullmatch(p.name))}
                case "keep":
                    return self._keep(told["id"], told["values"])
                case "drop":
                    for id in told["ids"]:
                        self._file(id).unlink(missing_ok=True)
                    return {"ok": True}
                case other:
                    return {"ok": False, "error": f"cannot do {other!r}: send held, keep or drop"}
        except OSError as error:
            return {"ok": False, "error": f"cannot keep it: {error.strerror}"}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return {"ok": False, "error": f"cannot read the request: {type(error).__name__}"}  # its words may quote it

    def _keep(self, id: str, values: dict[str, str]) -> dict[str, Any]:
        """As bubblewrap's arguments, which end with a NUL each. Whole, by a rename: a launcher may be waiting for it."""
        if not all(_NAME.fullmatch(name) and "\0" not in value for name, value in values.items()):
            return {"ok": False, "error": f"cannot keep what {id!r} has: no environment could hold it"}
        words = [word for name, value in sorted(values.items()) for word in ("--setenv", name, value)]
        path = self._file(id)
        part = self._folder / f".{id}"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write("".join(f"{word}\0" for word in words).encode())
        part.replace(path)
        return {"ok": True}

    def _file(self, id: str) -> Path:
        if not isinstance(id, str) or _ID.fullmatch(id) is None:
            raise ValueError("no id of an instance")
        return self._folder / id


def main() -> None:
    parser = argparse.ArgumentParser(prog="twinstage.inside.lockbox", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="path of the request socket")
    parser.add_argument("--keep", type=Path, required=True, help="folder in memory")
    arguments = parser.parse_args()

    def stop(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    serve(Lockbox(arguments.keep).answer, arguments.socket, REQUEST_BYTES)


if __name__ == "__main__":
    main()
