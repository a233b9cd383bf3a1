"""How much each database of a place's server takes up, as the server itself says."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_QUESTION = "SELECT datname, oid, pg_database_size(oid) FROM pg_database WHERE datname LIKE '%.%'"
_PATIENCE = 5.0


@dataclass(frozen=True)
class Databases:
    """``folder``: where the server keeps everything; ``door``: the folder of its socket."""

    folder: Path
    psql: Path
    door: Path

    def sizes(self, walked: Callable[[Path], int]) -> Iterator[tuple[str, int, datetime]]:
        """(name, bytes, when it last changed); ``server`` is what is none's. Only that while the server does not answer."""
        data = self.folder / "data"
        if not data.is_dir():
            return
        told = list(self._told())
        for name, oid, size in told:
            yield name, size, _changed(data / "base" / oid)
        yield "server", max(walked(self.folder) - sum(size for _, _, size in told), 0), _changed(data)

    def _told(self) -> Iterator[tuple[str, str, int]]:
        words = [str(self.psql), "-h", str(self.door), "-U", "postgres", "-d", "postgres", "-XAtq", "-c", _QUESTION]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE, check=True)
        except (OSError, subprocess.SubprocessError):
            return  # it starts, or stops: the next measurement asks again
        for line in done.stdout.splitlines():
            name, oid, size = line.split("|")
            yield name, oid, int(size)


def _changed(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.now(UTC)  # it was dropped meanwhile
