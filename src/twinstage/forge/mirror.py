"""The daemon's own copy of every service's commits, one bare repository a service.

Clients send what is missing as a git pack. So the daemon's account needs no right to read anybody's repository, and a
commit that was submitted stays, whatever becomes of the branch. Objects arrive in a quarantine directory and join the
others only when they are sound and complete.
"""

import re
import shutil
import tempfile
import threading
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO

from twinstage.forge.export import export
from twinstage.forge.git import TRANSFER_SECONDS, GitFailed, Refused, UnknownRevision, full_id, git
from twinstage.forge.repository import MOST_BYTES
from twinstage.model.commit import CommitInfo
from twinstage.model.names import ServiceName

REFS = "refs/twinstage"
MOST_KNOWN = 200
"""Ids that ``known`` answers with: enough to leave out nearly everything."""
MOST_SHOWN = 1024 * 1024

_SERVICE = re.compile(r"[a-z][a-z0-9-]{0,29}")
# Old but harmless blemishes, found in the history of real repositories.
_STRICT = "--strict=" + ",".join(
    f"{blemish}=ignore"
    for blemish in (
        "zeroPaddedFilemode",
        "badTimezone",
        "missingSpaceBeforeDate",
        "missingEmail",
        "missingNameBeforeEmail",
    )
)
_FORMAT = "%H%x00%an%x00%ae%x00%ct%x00%s%x00%(trailers:only,unfold)"


class Mirror:
    """``root`` is made (mode 0700) where it is missing. Safe from several threads; one process at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Left by a daemon that was killed while it took a pack or put packs together; nobody else works here.
        for left in (*root.glob("*.git/incoming-*"), *root.glob(".new-*")):
            shutil.rmtree(left)
        for left in (*root.glob("*.git/objects/pack/.tmp-*"), *root.glob("*.git/objects/pack/tmp_*")):
            left.unlink()
        # git would refuse for ever what a lock is left of.
        for left in (*root.glob("*.git/*.lock"), *root.glob("*.git/refs/**/*.lock")):
            left.unlink()

    def places(self) -> list[Path]:
        """The repository of each service."""
        return sorted(self._root.glob("*.git"))

    def known(self, service: ServiceName) -> list[str]:
        """Full ids of commits that are here with all they reach, newest first."""
        where = self._place(service)
        if not where.is_dir():
            return []
        args = ("for-each-ref", "--format=%(objectname)", "--sort=-creatordate", f"--count={MOST_KNOWN}", REFS)
        return git(where, *args, what=f"list the commits of {service}").decode().split()

    def has(self, service: ServiceName, commit: str) -> bool:
        """Whether the commit was received, with all it reaches."""
        where = self._place(service)
        if not where.is_dir():
            return False
        ref = f"{REFS}/{full_id(commit)}"
        return bool(git(where, "for-each-ref", "--format=%(objectname)", ref, what=f"look for {commit[:12]}").strip())

    def receive(self, service: ServiceName, pack: bytes | IO[bytes], commit: str) -> None:
        """Takes a pack that completes ``commit``: nothing at all where nothing lacks. Twice is once.

        Raises Refused when the pack is broken or too big, or leaves something out that the commit reaches.
        """
        where = self._made(service, full_id(commit))
        if self.has(service, commit):
            return
        with tempfile.TemporaryDirectory(dir=where, prefix="incoming-") as name:
            quarantine = Path(name)
            (quarantine / "pack").mkdir()
            inside = {
                "GIT_OBJECT_DIRECTORY": str(quarantine),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(where / "objects"),
            }
            with tempfile.TemporaryFile(dir=quarantine) as spool:
                if _bounded(BytesIO(pack) if isinstance(pack, bytes) else pack, spool, commit):
                    _unpack(where, spool, commit, inside)
            _complete(where, commit, inside)
            _release(quarantine / "pack", where / "objects" / "pack")
        git(where, "update-ref", f"{REFS}/{commit}", commit, what=f"keep commit {commit[:12]}")

    def info(self, service: ServiceName, commit: str, path: str = ".") -> CommitInfo:
        """Who wrote a commit and who vouches for it; ``tree`` is that of ``path`` within it."""
        where = self._held(service, commit)
        what = f"read commit {commit[:12]} of {service}"
        shown = git(where, "show", "-s", "--no-notes", f"--format={_FORMAT}", commit, what=what)
        found, author, email, _, subject, trailers = shown.decode("utf-8", "replace").split("\0", 5)
        return CommitInfo(
            commit=found.strip(),
            tree=self._tree(where, commit, path),
            author=author,
            author_email=email,
            subject=subject,
            trailers=_trailers(trailers),
        )

    def show(self, service: ServiceName, commit: str, path: str) -> bytes:
        """A file's content. Raises UnknownRevision when the commit has no such file, Refused when it is no plain one."""
        where = self._held(service, commit)
        what = f"read {path} at commit {commit[:12]} of {service}"
        found = git(where, "ls-tree", "-z", "-l", commit, "--", path, what=what, extra=_LITERAL).split(b"\0")[0]
        if not found:
            raise UnknownRevision(f"cannot {what}: the commit has no such file; add it and commit again")
        mode, kind, id, size = found.partition(b"\t")[0].decode().split()
        if kind != "blob" or mode == "120000":
            raise Refused(f"cannot {what}: it is not a plain file")
        if int(size) > MOST_SHOWN:
            raise Refused(f"cannot {what}: it has {size} bytes, more than {MOST_SHOWN}")
        return git(where, "cat-file", "blob", id, what=what)

    def export(self, service: ServiceName, commit: str, path: str, to: Path) -> None:
        """Writes the tree of ``path`` as a tar file, mode 0644, whole or not at all; the same bytes each time."""
        where = self._held(service, commit)
        tree = self._tree(where, commit, path)
        time = git(where, "show", "-s", "--format=%ct", commit, what=f"date commit {commit[:12]} of {service}")
        export(where, commit, tree, int(time), to)

    def sizes(self) -> dict[ServiceName, int]:
        """Bytes on the disk of each service's commits."""
        found = {}
        for where in self.places():
            found[ServiceName(where.name.removesuffix(".git"))] = sum(map(_size, where.rglob("*")))
        return found

    def _place(self, service: ServiceName) -> Path:
        if _SERVICE.fullmatch(service) is None:
            raise Refused(f"cannot use {service!r} as a service's name")
        return self._root / f"{service}.git"

    def _made(self, service: ServiceName, commit: str) -> Path:
        where = self._place(service)
        with self._lock:
            if not where.is_dir():
                kind = "sha1" if len(commit) == 40 else "sha256"
                # Made beside and renamed: a crash half-way leaves no half repository under the real name.
                with tempfile.TemporaryDirectory(dir=self._root, prefix=".new-") as name:
                    args = ("init", "--quiet", "--bare", "--template=", f"--object-format={kind}", "repository")
                    git(Path(name), *args, what=f"make a mirror for {service}")
                    (Path(name) / "repository").rename(where)
        return where

    def _held(self, service: ServiceName, commit: str) -> Path:
        if not self.has(service, commit):
            raise UnknownRevision(
                f"cannot find commit {commit[:12]} of {service}: it was never received; submit it again"
            )
        return self._place(service)

    def _tree(self, where: Path, commit: str, path: str) -> str:
        name = f"{commit}^{{tree}}" if path in (".", "") else f"{commit}:{path.strip('/')}"
        what = f"find {path} in commit {commit[:12]}"
        try:
            tree = full_id(git(where, "rev-parse", "--verify", name, what=what).decode().strip())
        except GitFailed:
            raise UnknownRevision(
                f"cannot {what}: it has no such directory; correct `path` in ecosystem.yaml"
            ) from None
        if git(where, "cat-file", "-t", tree, what=what).strip() != b"tree":
            raise Refused(f"cannot {what}: it is not a directory; correct `path` in ecosystem.yaml")
        return tree


def _size(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0  # a pack that was just put together with others


_LITERAL: Mapping[str, str] = {"GIT_LITERAL_PATHSPECS": "1"}


def _bounded(pack: IO[bytes], spool: IO[bytes], commit: str) -> int:
    """Copies the pack; how many bytes it has."""
    left = MOST_BYTES
    while chunk := pack.read(min(1 << 20, left + 1)):
        left -= len(chunk)
        if left < 0:
            raise Refused(f"cannot take commit {commit[:12]}: its pack is larger than {MOST_BYTES // 2**20} MiB")
        spool.write(chunk)
    spool.seek(0)
    return MOST_BYTES - left


def _unpack(where: Path, spool: IO[bytes], commit: str, inside: Mapping[str, str]) -> None:
    what = f"take the pack with commit {commit[:12]}"
    try:
        args = ("index-pack", "--stdin", "--fix-thin", _STRICT, f"--max-input-size={MOST_BYTES}")
        git(where, *args, what=what, source=spool, extra=inside, seconds=TRANSFER_SECONDS)
    except GitFailed as failed:
        raise Refused(f"cannot {what}: it is broken or not sound: {failed.said}") from None


def _complete(where: Path, commit: str, inside: Mapping[str, str]) -> None:
    """All that the commit reaches is here: what the refs reach is known to be, so only the rest is walked."""
    what = f"take commit {commit[:12]}"
    try:
        kind = git(where, "cat-file", "-t", commit, what=what, extra=inside).strip()
        args = ("rev-list", "--objects", "--quiet", commit, "--not", "--all")
        git(where, *args, what=what, extra=inside, seconds=TRANSFER_SECONDS)
    except GitFailed as failed:
        raise Refused(f"cannot {what}: the pack leaves out what it needs: {failed.said}; send it again") from None
    if kind != b"commit":
        raise Refused(f"cannot {what}: it is a {kind.decode()}, not a commit")


def _release(quarantine: Path, pack: Path) -> None:
    """Moves the pack in, its index last: git looks at nothing without an index."""
    pack.mkdir(exist_ok=True)
    for suffix in (".pack", ".rev", ".idx"):
        for file in quarantine.glob(f"*{suffix}"):
            shutil.move(file, pack / file.name)


def _trailers(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (line.partition(":") for line in text.splitlines())
    return tuple((key.strip(), value.strip()) for key, colon, value in pairs if colon)
