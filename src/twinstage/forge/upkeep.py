"""Each submission brings a pack and a ref of its own: now and then they are put together, so that git stays quick and small."""

import logging
import threading
from datetime import timedelta
from pathlib import Path

from twinstage.forge.git import TRANSFER_SECONDS, ForgeTrouble, git
from twinstage.forge.mirror import Mirror

MOST_PACKS = 20
"""So many packs of one service are left as they are."""

log = logging.getLogger(__name__)


def tidy(where: Path) -> bool:
    """Put a mirror's packs into one, and its refs into one file; False where there is no need. Raises ForgeTrouble.

    Nothing is ever dropped, not even what no ref reaches: a commit may be arriving, its pack here and its ref not yet.
    """
    if sum(1 for _ in (where / "objects" / "pack").glob("*.pack")) <= MOST_PACKS:
        return False
    what = f"put the packs of {where.name} together"
    args = ("repack", "-a", "-d", "--keep-unreachable", "--quiet", "--threads=1", "--window-memory=64m")
    git(where, *args, what=what, seconds=TRANSFER_SECONDS)
    git(where, "pack-refs", "--all", what=what)
    return True


class Upkeep:
    """In a thread of its own: a tick waits for nothing that takes so long."""

    def __init__(self, mirror: Mirror, every: timedelta) -> None:
        self._mirror, self._every = mirror, every
        self._over = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="upkeep", daemon=True).start()

    def end(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._every.total_seconds()):
            for where in self._mirror.places():
                try:
                    if tidy(where):
                        log.info("put the packs of %s together", where.name)
                except ForgeTrouble as trouble:
                    log.warning("%s; it is tried again in an hour", trouble)
