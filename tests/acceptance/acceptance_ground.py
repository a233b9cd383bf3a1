"""The ground that a company of the tests stands on: a short directory, a checkout, and nothing of either at the end."""

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import psutil
from acceptance_person import Person
from acceptance_traces import left_behind

REPOSITORY = Path(__file__).parents[2]
ORDINARY = 1000
"""The uid of the ordinary user that root's tests become."""


def short_directory() -> Path:
    """Unix sockets' paths end at 108 bytes, so pytest's own directories are too long."""
    path = Path(tempfile.mkdtemp(prefix="ts-", dir="/tmp"))
    path.chmod(0o755)
    (path / "home").mkdir()
    return path


def own(path: Path, uid: int) -> None:
    for each in (path, *path.rglob("*")):
        os.chown(each, uid, uid, follow_symlinks=False)


def copy_of_the_checkout(to: Path) -> None:
    """What git knows here, uncommitted changes too: a fresh clone without an environment or a cache."""
    names = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    ).stdout.split(b"\0")
    for name in filter(None, names):
        source = REPOSITORY / os.fsdecode(name)
        if source.is_file():
            target = to / os.fsdecode(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def ended(person: Person) -> None:
    """Whatever a test did, nothing of it goes on; what `down` leaves is the test's failure, not the next one's."""
    said = [person.down(company.name) for company in (person.root / "state").glob("*")]
    left = [f"{process.pid} {process.name()}" for process in left_behind(person.root)]
    for alive in filter(None, (left_behind(person.root) for _ in range(10))):
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=30)
    _removed(person.root)
    assert not left, f"left behind by `down`: {left}; it said: {said}"


def _removed(tree: Path) -> None:
    """Sealed releases are read-only, directories too: made writable on the way down."""
    for path in (p for p in tree.rglob("*") if p.is_dir() and not p.is_symlink()):
        path.chmod(path.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(tree)
