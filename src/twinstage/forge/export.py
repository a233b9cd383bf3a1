"""One tree of a commit as a tar file: the same bytes each time, exactly what git holds.

Not ``git archive``: that one leaves files out and rewrites others as .gitattributes tells it.
"""

import os
import posixpath
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from twinstage.forge.git import Refused, git, streaming
from twinstage.inside.export import shown

MOST_BYTES = 1024 * 1024 * 1024
MOST_FILES = 100_000
_EARLIEST = 315_619_200
"""2 January 1980: zip files, and so wheels, know nothing older."""
_LATEST = 2**33 - 1


@dataclass(frozen=True, kw_only=True)
class _Entry:
    mode: str
    id: str
    size: int
    name: str


def export(repository: Path, commit: str, tree: str, seconds: int, to: Path) -> None:
    """Writes the tar file, mode 0644, whole or not at all. ``seconds``: the time that its files bear.

    Raises Refused for what cannot be exported: a submodule, a symbolic link that leaves the tree, too much of it.
    """
    what = f"export commit {commit[:12]}"
    entries = _entries(repository, tree, what)
    time = min(max(seconds, _EARLIEST), _LATEST)
    handle, name = tempfile.mkstemp(dir=to.parent, prefix=".export-")
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            with closing(
                tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape")
            ) as tar:
                for entry, content in _contents(repository, entries, what):
                    _add(tar, entry, content, time, what)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        written.replace(to)
    finally:
        written.unlink(missing_ok=True)


def _entries(repository: Path, tree: str, what: str) -> list[_Entry]:
    listing = git(repository, "ls-tree", "-r", "-z", "-l", "--full-tree", tree, what=what)
    entries: list[_Entry] = []
    for line in listing.split(b"\0")[:-1]:
        about, _, raw = line.partition(b"\t")
        mode, kind, id, size = about.decode().split()
        name = raw.decode("utf-8", "surrogateescape")
        if kind == "commit":
            name = shown(name)
            raise Refused(f"cannot {what}: {name} is a git submodule; put its files into the repository")
        entries.append(_Entry(mode=mode, id=id, size=int(size), name=name))
    total = sum(entry.size for entry in entries)
    if len(entries) > MOST_FILES or total > MOST_BYTES:
        raise Refused(
            f"cannot {what}: {len(entries)} files of {total // 2**20} MiB; "
            f"at most {MOST_FILES} of {MOST_BYTES // 2**20} MiB are taken"
        )
    return entries


def _contents(repository: Path, entries: list[_Entry], what: str) -> Iterator[tuple[_Entry, IO[bytes]]]:
    """Each entry with a file to read exactly its bytes from."""
    with tempfile.TemporaryFile() as ids:
        ids.write("".join(f"{entry.id}\n" for entry in entries).encode())
        ids.seek(0)
        with streaming(repository, "cat-file", "--batch", what=what, stdin=ids) as output:
            for entry in entries:
                if output.readline().split() != [entry.id.encode(), b"blob", str(entry.size).encode()]:
                    raise Refused(f"cannot {what}: the content of {shown(entry.name)} is missing")
                content = output.read(entry.size)
                output.read(1)
                yield entry, BytesIO(content)


def _add(tar: tarfile.TarFile, entry: _Entry, content: IO[bytes], time: int, what: str) -> None:
    info = tarfile.TarInfo(entry.name)
    info.mtime = time
    info.mode = 0o755 if entry.mode == "100755" else 0o644
    if entry.mode == "120000":
        info.type = tarfile.SYMTYPE
        info.mode = 0o777
        info.linkname = content.read().decode("utf-8", "surrogateescape")
        leads = posixpath.normpath(posixpath.join(posixpath.dirname(entry.name), info.linkname))
        if leads.startswith(("/", "../")) or leads == "..":
            name, linkname = shown(entry.name), shown(info.linkname)
            raise Refused(f"cannot {what}: {name} is a symbolic link to {linkname}, outside the service's tree")
        tar.addfile(info)
        return
    info.size = entry.size
    tar.addfile(info, content)
