"""A controller that is killed at the first place of each wanted kind: ``python -m playbook.killed_daemon``, as the daemon.

It is the product's own daemon; only what its controller calls Store and Runtime tells of each place. There the process ends
itself with SIGKILL, and another one follows at once: it is forked from one that has only read the modules, so that a play
with hundreds of deaths takes minutes. Which kinds are wanted stands in a file; each that was met is added to another one.
"""

import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playbook.kinds import Kinds, Wire
from playbook.on_fake import EAGER
from twinstage import daemon
from twinstage.controller.tick import Controller
from twinstage.store.store import Store

WANTED, MET = "kinds-wanted", "kinds-met"
"""Files beside the store: one kind a line."""


class Killer:
    """``folder``: where the two files are. Before there is the first one nobody is killed."""

    def __init__(self, folder: Path) -> None:
        self._wanted, self._met = folder / WANTED, folder / MET
        self._left: set[str] | None = None

    def passing(self, kinds: Kinds) -> None:
        if self._left is None:
            if not self._wanted.exists():
                return
            self._left = lines(self._wanted) - lines(self._met)
        if self._left & kinds:
            with self._met.open("a") as file:
                file.writelines(f"{kind}\n" for kind in sorted(kinds))
            os.kill(os.getpid(), signal.SIGKILL)


def lines(path: Path) -> set[str]:
    return set(path.read_text().splitlines()) if path.exists() else set()


def main(arguments: list[str]) -> int:
    """Controllers one after another, until one ends otherwise than by SIGKILL; its exit status."""
    store = Path(arguments[arguments.index("--state") + 1]) / "store"
    with TemporaryDirectory() as folder:
        Store(Path(folder) / "any.sqlite").close()  # reads its modules, which each controller would read anew
    while True:
        if (child := os.fork()) == 0:
            daemon.Controller = _mortal(store)  # type: ignore[assignment, misc]
            os._exit(daemon.main(arguments))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL:
            return abs(status)


def _mortal(store: Path) -> Any:
    wire = Wire(Killer(store).passing)

    def controller(**parts: Any) -> Controller:
        wrapped = {name: wire.wrap(parts[name]) for name in ("store", "runtime")}
        vault = {ecosystem: wire.wrap(vault) for ecosystem, vault in parts["vault"].items()}
        # As on the fake, whose plays it is compared with: nothing is tried that nobody asked for.
        made = Controller(**{**parts, **wrapped, "vault": vault, "probing": None})
        made._means.bounds = EAGER
        return made

    return controller


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
