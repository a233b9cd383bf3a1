"""A tree's identity: what it holds, by digest; and what it looks like from outside, quickly.

Only what a program can tell apart while it runs counts: names, types, the executable bit, symlink targets, content.
Times, owners and the remaining mode bits do not, so the same build is the same digest on every machine.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from twinstage.inside.export import LONGEST, shown

BEYOND = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt/twinstage", "/dev/null")
"""Where a symlink may lead out of its tree: read-only and the same in every sandbox."""

_Prepare = Callable[[Path, os.stat_result], None]

FORMAT = b"twinstage tree 1\n"
"""Fed first: a change of the rules below is a change of every digest."""


class Unsealable(Exception):
    """The tree holds something that cannot be sealed. Blames the release; the message names path and cause."""


def digest(root: Path) -> str:
    """``sha256:<64 hex>`` of everything below ``root``. Raises Unsealable or OSError."""
    total = hashlib.sha256(FORMAT)
    for name, path, seen in _entries(root):
        kind = _kind(name, seen.st_mode)
        if kind == "l":
            content = os.fsencode(_target(path))
        elif kind == "f":
            content = _content(path)
            kind = "x" if seen.st_mode & stat.S_IXUSR else "f"
        else:
            content = b""
        written = os.fsencode(name)
        # Lengths come first, or "a" + "bc" and "ab" + "c" would be the same tree.
        total.update(f"{kind} {len(written)} {len(content)}\n".encode() + written + content)
    return f"sha256:{total.hexdigest()}"


def fingerprint(root: Path) -> dict[str, list[int | str]]:
    """Relative path -> [type, mode, size, mtime_ns, ctime_ns, inode]: unchanged means that nobody touched the tree.

    Costs a stat for each entry and reads no file. The root itself is the entry ".".
    """
    seen = os.lstat(root)
    prints: dict[str, list[int | str]] = {".": _print(".", seen)}
    for name, _, entry in _entries(root):
        prints[name] = _print(name, entry)
    return prints


def normalise(root: Path, beyond: Sequence[str] = ()) -> None:
    """Make the tree readable by every account, writable by its owner alone, and refuse what cannot be sealed.

    ``beyond`` adds to the places that a symlink may lead to (an interpreter's own directory). Links are judged by their
    words alone: they resolve only inside sandboxes. Raises Unsealable or OSError.
    """
    _permit(root, os.lstat(root))
    for name, path, seen in _entries(root, prepare=_permit):
        kind = _kind(name, seen.st_mode)
        if kind == "l":
            _check_link(root, name, path, (*BEYOND, *beyond))
        elif kind == "f":
            _permit(Path(path), seen)


def _entries(root: Path, prepare: _Prepare | None = None) -> Iterator[tuple[str, str, os.stat_result]]:
    """(relative name, full path, lstat) of everything below ``root``, each directory's in the order of their bytes.

    A directory comes right before what it holds. ``prepare`` is called on each directory before it is read.
    """
    if not stat.S_ISDIR(os.lstat(root).st_mode):
        raise Unsealable(f"cannot seal {root}: it is not a directory")
    waiting: list[tuple[str, str, os.stat_result]] = _listed("", str(root))
    while waiting:
        name, path, seen = waiting.pop()
        if len(os.fsencode(name)) > LONGEST:
            raise Unsealable(
                f"cannot seal {shown(name[:100])}: its path has more than {LONGEST:,} bytes; make it shorter"
            )
        yield name, path, seen
        if stat.S_ISDIR(seen.st_mode):
            if prepare is not None:
                prepare(Path(path), seen)
            waiting.extend(_listed(f"{name}/", path))


def _listed(prefix: str, directory: str) -> list[tuple[str, str, os.stat_result]]:
    """Entries of one directory, last name first: they are taken from the end."""
    with os.scandir(directory) as found:
        entries = sorted(found, key=lambda entry: os.fsencode(entry.name), reverse=True)
    return [(prefix + entry.name, entry.path, entry.stat(follow_symlinks=False)) for entry in entries]


def _kind(name: str, mode: int) -> str:
    if stat.S_ISREG(mode):
        return "f"
    if stat.S_ISDIR(mode):
        return "d"
    if stat.S_ISLNK(mode):
        return "l"
    what = "a named pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    raise Unsealable(
        f"cannot seal {shown(name)}: it is {what}; a release holds files, directories and symbolic links only"
    )


def _target(path: str) -> str:
    return os.readlink(path)  # noqa: PTH115 - pathlib would tidy the words up, and they are what is sealed


def _content(path: str) -> bytes:
    # O_NOFOLLOW: a file that became a link since it was listed must not be read as what it points to.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").digest()


def _print(name: str, seen: os.stat_result) -> list[int | str]:
    return [
        _kind(name, seen.st_mode),
        stat.S_IMODE(seen.st_mode),
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
        seen.st_ino,
    ]


def _permit(path: Path, seen: os.stat_result) -> None:
    """Directories 0755; files keep their owner's bits, everyone may read, and run what the owner may run."""
    mode = stat.S_IMODE(seen.st_mode)
    file = (mode & 0o700) | (0o555 if mode & stat.S_IXUSR else 0o444)
    wanted = 0o755 if stat.S_ISDIR(seen.st_mode) else file
    if mode != wanted:
        path.chmod(wanted)


def _check_link(root: Path, name: str, path: str, beyond: Sequence[str]) -> None:
    target = _target(path)
    leads = os.path.normpath(Path(path).absolute().parent / target)
    for place in (str(root.absolute()), *beyond):
        if leads == place or leads.startswith(place.rstrip("/") + "/"):
            return
    raise Unsealable(
        f"cannot seal {shown(name)}: the symbolic link leads to {shown(target)}, outside the release; put what it needs inside"
    )
