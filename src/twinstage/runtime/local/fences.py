"""The runtime's own memory of who is in charge: an older controller is refused here too, not only by the store."""

from pathlib import Path

from twinstage.runtime.local.files import write
from twinstage.runtime.runtime import Fence, StaleFence


class Fences:
    """The highest epoch that ever spoke to this runtime, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def highest(self) -> int:
        """0: nobody has spoken yet."""
        return int(self._path.read_text()) if self._path.is_file() else 0

    def check(self, fence: Fence) -> None:
        """Raises StaleFence when a newer controller has spoken."""
        highest = self.highest
        if fence.epoch < highest:
            raise StaleFence(f"a controller of epoch {highest} is in charge; this one is of epoch {fence.epoch}")
        if fence.epoch > highest:
            write(self._path, str(fence.epoch))
