"""What one place holds on its disk, and how it is let go."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from twinstage.inside import report
from twinstage.inside.datasizes import Databases

_GONE = ".gone"
_BLOCK = 512
_SETTLED = 3600.0
"""Seconds without change after which a tree is measured once for all."""


@dataclass(kw_only=True)
class Stock:
    """Folders as this process sees them; None: there is none here, or it is not this place's to change."""

    desired: Path
    state: Path
    artifacts: Path | None = None
    caches: Path | None = None
    databases: Databases | None = None
    _sizes: dict[tuple[str, int, int], int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    # ------------------------------------------------------------------------------------------------------ what goes

    def discard(self, kind: str, name: str) -> str:
        """Let go of it. Why it stays, or empty; what is not there has gone."""
        if not name or "/" in name or name.startswith(".") or "\0" in name:
            return "that is no name"
        if why := self._used(kind, name):
            return why
        paths = self._paths(kind, name)
        if paths is None:
            return f"{kind} is nothing that goes from here"
        try:
            for path in paths:
                self._let_go(path)
        except OSError as error:
            return f"cannot move it away: {error}"
        return ""

    def _let_go(self, path: Path) -> None:
        trash = path.parent / _GONE
        trash.mkdir(exist_ok=True)
        while True:
            to = trash / f"{os.getpid()}-{next(self._numbers)}-{path.name}"
            if not os.path.lexists(to):
                break
        try:
            path.rename(to)
        except FileNotFoundError:
            return

    def _paths(self, kind: str, name: str) -> list[Path] | None:
        if kind == "artifact" and self.artifacts is not None:
            return [self.artifacts / name]
        if kind == "package-cache" and self.caches is not None:
            return [self.caches / name]
        if kind == "job":
            return [self.state / "jobs" / name]
        if kind == "log":
            return [self.state / "logs" / f"{name}.log", self.state / "logs" / f"{name}.log.1"]
        if kind == "crossings":
            return [self.state / name]
        return None

    def _used(self, kind: str, name: str) -> str:
        """Whether anything in ``desired`` names it: a second look, by whoever does it."""
        if kind == "job" and (self.desired / "jobs" / f"{name}.json").exists():
            return "the job is not over"
        if kind == "log" and (self.desired / "programs" / f"{name}.conf").exists():
            return "its program runs"
        if kind == "crossings":
            held = report.files(self.state / "crossings.jsonl")
            names = {path.name: begins for begins, path in held.items()}
            if held and names.get(name) == max(held):
                return "it is being written"
            return "" if name in names or not (self.state / name).exists() else "that is no file of crossings"
        if kind in ("artifact", "package-cache"):
            place = f"/artifacts/{name}" if kind == "artifact" else f"/caches/{name}"
            for job in (self.desired / "jobs").glob("*.json"):
                told = json.loads(job.read_text())
                if place in (told.get("seal"), told.get("unpack"), *told.get("argv", ())):
                    return f"the job {job.stem} uses it"
            for arguments in (self.desired / "instances").glob("*/arguments"):
                if place.encode() in arguments.read_bytes().split(b"\0"):
                    return f"{arguments.parent.name} runs from it"
        return ""

    def gone(self) -> Iterator[Path]:
        """What was let go and is to be deleted."""
        for folder in (self.artifacts, self.caches, self.state / "jobs", self.state / "logs", self.state):
            if folder is not None and (folder / _GONE).is_dir():
                yield from (folder / _GONE).iterdir()

    # ----------------------------------------------------------------------------------------------- what there is

    def write(self) -> None:
        """Measure, into ``holdings.json``: ``{"measured": t, "items": [{"kind", "name", "bytes", "at"}]}``."""
        told = {"measured": datetime.now(UTC).isoformat(), "items": list(self.items())}
        handle, name = tempfile.mkstemp(prefix=".holdings", dir=self.state)
        with os.fdopen(handle, "w") as file:
            json.dump(told, file)
            os.fchmod(file.fileno(), 0o640)
        Path(name).replace(self.state / "holdings.json")

    def items(self) -> Iterator[dict[str, Any]]:
        for kind, folder in (
            ("artifact", self.artifacts),
            ("package-cache", self.caches),
            ("job", self.state / "jobs"),
        ):
            for tree in _listed(folder):
                yield from _told(kind, tree.name, tree, self._size)
        logs: dict[str, list[Path]] = {}
        for path in _listed(self.state / "logs"):
            logs.setdefault(path.name.removesuffix(".1").removesuffix(".log"), []).append(path)
        for name, paths in logs.items():
            yield from _told(kind="log", name=name, newest=max(paths, key=_changed), size=_sum(paths))
        for path in report.files(self.state / "crossings.jsonl").values():
            yield from _told("crossings", path.name, path, lambda p: p.stat().st_size)
        if self.databases is not None:
            for name, size, at in self.databases.sizes(_walked):
                yield {"kind": "database", "name": name, "bytes": size, "at": at.isoformat()}
        for path in _listed(self.state / "proxy"):
            yield from _told("access-log", path.name, path, _of_file)

    def _size(self, tree: Path) -> int:
        """A built tree does not change: it is not walked again each time."""
        found = tree.lstat()
        key = (str(tree), found.st_ino, found.st_mtime_ns)
        settled = datetime.now(UTC).timestamp() - found.st_mtime > _SETTLED
        if tree.parent != self.artifacts or not settled:
            return _walked(tree)
        if key not in self._sizes:
            self._sizes[key] = _walked(tree)
        return self._sizes[key]


def _listed(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _told(kind: str, name: str, newest: Path, size: Callable[[Path], int]) -> Iterator[dict[str, Any]]:
    try:
        at = datetime.fromtimestamp(_changed(newest), UTC).isoformat()
        yield {"kind": kind, "name": name, "bytes": size(newest), "at": at}
    except FileNotFoundError:
        return  # it went while it was looked at


def _changed(path: Path) -> float:
    return path.lstat().st_mtime


def _of_file(path: Path) -> int:
    return path.lstat().st_blocks * _BLOCK


def _sum(paths: list[Path]) -> Callable[[Path], int]:
    return lambda _: sum(_of_file(path) for path in paths)


def _walked(tree: Path) -> int:
    total = _of_file(tree)
    for place, directories, files in os.walk(tree):
        for name in (*directories, *files):
            try:
                total += _of_file(Path(place) / name)
            except FileNotFoundError:
                continue  # a build or a test is at work here
    return total
