"""Lets people of the company in to an instance, with all its walls around them.

    python -m twinstage.inside.doorman --desired /desired --socket /sockets/doorman.sock

Runs inside an ecosystem's sandbox, and only while somebody is let in: the core has it started, and it ends by itself when nobody
came for a minute. Each visit is a process of its own (``visit.py``). Over the socket:

* ``{"id": id, "command": [words], "terminal": {"kind", "rows", "columns"} | null}`` ->
  ``{"ok": true}`` with the near ends of the command's input, output and errors, or of its terminal; or ``{"ok": false, "error"}``
* at its end ``{"status": n, "ended": why}``; whoever closes the connection ends the visit.

Descriptors only ever come out of the instance: nothing of whoever asks gets in.
"""

import argparse
import os
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from twinstage.inside.exchange import NoNote, Notes
from twinstage.inside.modes import for_the_group
from twinstage.inside.standing import Absent, standing
from twinstage.inside.visit import Rules, Terminal, keep

IDLE, LONGEST = 1800.0, 8 * 3600.0
"""Seconds: of a visit in which nothing happens, and of any."""
AT_ONCE = 8
_ALONE = 60.0
"""Seconds without a visit until it ends."""
_PATIENCE = 5.0
"""Seconds for a request to arrive."""


class Doorman:
    """``serve`` returns when nobody came for a while."""

    def __init__(self, desired: Path, rules: Rules) -> None:
        self._desired, self._rules = desired, rules
        self._visits: set[int] = set()
        # Held for as long as this process lives: every visit ends when it does, however that comes.
        self._life, self._living = os.pipe()

    def serve(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            with for_the_group():
                door.bind(str(path))
            door.listen(AT_ONCE)
            while self._visits or select.select([door], [], [], _ALONE)[0]:
                ready, _, _ = select.select([door], [], [], 1.0)
                self._reap()
                if ready:
                    self._let_in(door.accept()[0], door)
            path.unlink(missing_ok=True)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                self._visits.discard(pid)

    def _let_in(self, connection: socket.socket, door: socket.socket) -> None:
        visitor = Notes(connection)
        if len(self._visits) >= AT_ONCE:
            _refuse(visitor, f"{AT_ONCE} are inside already, which is the most")
        elif pid := os.fork():
            self._visits.add(pid)
        else:
            try:
                door.close()
                os.close(self._living)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                self._visit(visitor)
            except Exception:
                traceback.print_exc()  # a mistake of ours ends this visit and no other; the log has it
            finally:
                os._exit(0)
        visitor.close()

    def _visit(self, visitor: Notes) -> None:
        try:
            asked, _ = visitor.receive(_PATIENCE)
            command, terminal = _read(asked)
            stand = standing(str(asked["id"]), self._desired)
            keep(visitor, self._life, stand, command, terminal, self._rules)
        except Absent as why:
            _refuse(visitor, str(why))
        except (NoNote, KeyError, ValueError, TypeError) as error:
            _refuse(visitor, f"the request cannot be read: {error}")
        except OSError as error:
            _refuse(visitor, error.strerror or str(error))


def _read(asked: dict[str, Any]) -> tuple[list[str], Terminal | None]:
    command = [str(word) for word in asked["command"]]
    if not command or any("\0" in word for word in command):
        raise ValueError("no command")
    told = asked.get("terminal")
    if told is None:
        return command, None
    return command, Terminal(kind=str(told["kind"]), rows=int(told["rows"]), columns=int(told["columns"]))


def _refuse(visitor: Notes, why: str) -> None:
    with suppress(OSError):
        visitor.send(ok=False, error=why)


def main() -> None:
    parser = argparse.ArgumentParser(prog="twinstage.inside.doorman")
    parser.add_argument("--desired", type=Path, required=True, help="what the place is to be")
    parser.add_argument("--socket", type=Path, required=True, help="path of the request socket")
    parser.add_argument("--idle", type=float, default=IDLE, help="seconds")
    parser.add_argument("--longest", type=float, default=LONGEST, help="seconds")
    told = parser.parse_args()

    def stop(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    Doorman(told.desired, Rules(longest=told.longest, idle=told.idle)).serve(told.socket)


if __name__ == "__main__":
    main()
