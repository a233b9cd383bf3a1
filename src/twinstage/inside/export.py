"""A commit's export: unpacked with care into a working copy, and taken away again."""

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

MOST_FILES = 200_000
MOST_BYTES = 4 * 1024**3
LONGEST = 2048
"""Bytes of a name from the tree's root on. Beyond 4,096 with what is before it the kernel takes none: such a tree can be made,
step by step, but neither read nor copied by name."""


class Unusable(Exception):
    """The export cannot be unpacked as it is. Blames the release; the message names the entry and the cause."""


class Interrupted(Exception):
    """Asked to stop in the middle."""


def unpack(source: Path, into: Path, stop: Callable[[], bool]) -> None:
    """Unpack the tar file into a fresh directory. Raises Unusable, Interrupted or OSError."""
    remove(into)
    into.mkdir(parents=True)
    into.chmod(0o755)
    try:
        with tarfile.open(source, "r:*") as tar:
            if hasattr(tarfile, "data_filter"):
                # Beside our own checks: Debian 12's Python 3.11.2 has no filters, newer ones warn when there is none.
                tar.extraction_filter = tarfile.data_filter
            for member in _admitted(tar, into, stop):
                tar.extract(member, into)
    except tarfile.TarError as wrong:
        said = shown(f"{wrong}")
        raise Unusable(f"cannot unpack the commit: {said}") from wrong


def remove(tree: Path) -> None:
    """Remove a directory, also one with read-only parts. Missing is fine; links are never followed."""
    if not os.path.lexists(tree):
        return
    if tree.is_symlink() or not tree.is_dir():
        tree.unlink()
        return
    tree.chmod(0o700)
    number = 0
    waiting = _emptied(tree)
    while waiting:
        place = waiting.pop()
        for inner in _emptied(place):
            # Up to the tree itself: a path deeper than the kernel takes could be made, step by step, but never named.
            while os.path.lexists(up := tree / f".gone-{number}"):
                number += 1
            inner.rename(up)
            waiting.append(up)
        place.rmdir()
    tree.rmdir()


def _emptied(place: Path) -> list[Path]:
    """Its directories, each of which may be changed from here on; everything else in it is gone."""
    with os.scandir(place) as entries:
        found = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for path, is_directory in found:
        if is_directory:
            path.chmod(0o700)
        else:
            path.unlink()
    return [path for path, is_directory in found if is_directory]


def shown(name: str) -> str:
    """For messages: a name that is no text is written out, or nothing that holds the message could be sent to anybody."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _admitted(tar: tarfile.TarFile, into: Path, stop: Callable[[], bool]) -> Iterator[tarfile.TarInfo]:
    size = 0
    for files, member in enumerate(tar, start=1):
        if stop():
            raise Interrupted
        size += member.size
        if files > MOST_FILES or size > MOST_BYTES:
            raise Unusable(
                f"cannot unpack the commit: it holds more than {MOST_FILES} files or {MOST_BYTES // 1024**3} GiB;"
                " a service's repository holds its source"
            )
        _check(member, into)
        # git's own bits are 0644 or 0755; whatever else stands in the file is not taken over.
        member.mode = 0o755 if member.isdir() or member.mode & stat.S_IXUSR else 0o644
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        yield member


def _check(member: tarfile.TarInfo, into: Path) -> None:
    """Every entry and what it links to stays inside, also through links that were unpacked before it."""
    if not (member.isfile() or member.isdir() or member.issym()):
        raise Unusable(f"cannot unpack {shown(member.name)}: a commit holds files, directories and symbolic links only")
    if len(os.fsencode(member.name)) > LONGEST:
        raise Unusable(
            f"cannot unpack {shown(member.name[:100])}: its path has more than {LONGEST:,} bytes; make it shorter"
        )
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not _inside(into / name.parent, into):
        raise Unusable(f"cannot unpack {shown(member.name)}: it would be written outside the working copy")
    if member.isdir() and not _inside(into / name, into):
        raise Unusable(f"cannot unpack {shown(member.name)}: it would be written outside the working copy")
    if member.issym() and not _inside(into / name.parent / member.linkname, into):
        raise Unusable(
            f"cannot unpack {shown(member.name)}: the symbolic link leads to {shown(member.linkname)}, outside the repository"
        )


def _inside(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
