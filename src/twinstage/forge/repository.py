"""A user's repository, read with the user's own rights: which commit a name means, and that commit packed for sending."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from twinstage.forge.git import (
    GitFailed,
    NotARepository,
    Refused,
    UnknownRevision,
    full_id,
    git,
    streaming,
)

MOST_BYTES = 512 * 1024 * 1024
"""Of a pack."""


class Repository:
    """One git repository on this machine. Nothing here writes to it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def resolve(self, revision: str = "HEAD") -> str:
        """The full id of the commit that a branch, a tag, ``HEAD`` or a short id names.

        Raises NotARepository, or UnknownRevision with what there is instead.
        """
        self._present()
        if not revision or revision.startswith("-") or any(ord(c) < 0x21 for c in revision):
            raise UnknownRevision(f"cannot find {revision!r} in {self._path}: that is no name of a commit")
        what = f"find {revision} in {self._path}"
        try:
            found = git(self._path, "rev-parse", "--verify", f"{revision}^{{commit}}", what=what)
        except GitFailed as failed:
            raise UnknownRevision(self._unknown(revision, failed)) from None
        return full_id(found.decode().strip())

    def head(self, branch: str) -> str:
        """The full id of a branch's newest commit; a tag of the same name does not count. Raises as ``resolve`` does."""
        try:
            return self.resolve(f"refs/heads/{branch}")
        except UnknownRevision:
            raise UnknownRevision(
                f"cannot find branch {branch} in {self._path}: {self._branches()}; name another in ecosystem.yaml"
            ) from None

    def show(self, commit: str, path: str) -> bytes:
        """A file's content at a commit. Raises UnknownRevision when it has none."""
        self._present()
        try:
            return git(self._path, "cat-file", "blob", f"{full_id(commit)}:{path}", what=f"read {path}")
        except GitFailed:
            raise UnknownRevision(
                f"cannot read {path} in {self._path}: commit {commit[:12]} has no such file"
            ) from None

    def pack(self, commit: str, known: Sequence[str] = ()) -> bytes:
        """A git pack with all that ``commit`` reaches and the commits of ``known`` do not. Ids are full.

        Raises Refused when it is too big or the repository is a shallow clone.
        """
        self._present()
        what = f"pack commit {full_id(commit)[:12]} of {self._path}"
        self._whole(what)
        wanted = [commit, *(f"^{one}" for one in self._mine(known))]
        with tempfile.TemporaryFile() as revisions:
            revisions.write("".join(f"{line}\n" for line in wanted).encode())
            revisions.seek(0)
            args = ("pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q")
            with streaming(self._path, *args, what=what, stdin=revisions) as output:
                pack = output.read(MOST_BYTES + 1)
                if len(pack) > MOST_BYTES:
                    raise Refused(
                        f"cannot {what}: it is larger than {MOST_BYTES // 2**20} MiB; take big files out of git"
                    )
        return pack

    def _present(self) -> None:
        if not self._path.is_dir():
            raise NotARepository(f"cannot read the repository {self._path}: there is no such directory")
        what = f"read the repository {self._path}"
        try:
            # The ceiling: without it a directory that lies in another repository would silently mean that one.
            ceiling = {"GIT_CEILING_DIRECTORIES": str(self._path.absolute().parent)}
            git(self._path, "rev-parse", "--git-dir", what=what, extra=ceiling)
        except GitFailed as failed:
            if "not a git repository" not in failed.said:
                raise
            raise NotARepository(f"cannot {what}: {self._enclosing()}") from None

    def _enclosing(self) -> str:
        try:
            top = git(self._path, "rev-parse", "--show-toplevel", what="find the repository around it").decode().strip()
        except GitFailed:
            return "it is not a git repository; make it one: git init"
        path = self._path.resolve().relative_to(Path(top).resolve())
        return f"it lies inside the repository {top}; name that one, and path: {path}"

    def _whole(self, what: str) -> None:
        answer = git(self._path, "rev-parse", "--is-shallow-repository", what=what)
        if answer.strip() == b"true":
            raise Refused(f"cannot {what}: it is a shallow clone; fetch the rest: git fetch --unshallow")

    def _mine(self, known: Sequence[str]) -> list[str]:
        """Those of ``known`` that this repository has: git refuses to leave out what it does not know."""
        asked = "".join(f"{full_id(one)}\n" for one in known).encode()
        answers = git(self._path, "cat-file", "--batch-check", what=f"look into {self._path}", stdin=asked)
        return [line.split()[0] for line in answers.decode().splitlines() if line.split()[1:2] == ["commit"]]

    def _unknown(self, revision: str, failed: GitFailed) -> str:
        intro = f"cannot find {revision} in {self._path}"
        if "ambiguous" in failed.said:
            return f"{intro}: more than one commit begins so; write more digits"
        return f"{intro}: {self._branches()}"

    def _branches(self) -> str:
        listing = git(
            self._path, "for-each-ref", "--format=%(refname:short)", "--sort=-creatordate", "--count=10",
            "refs/heads", "refs/tags", what=f"list the branches of {self._path}",
        )  # fmt: skip
        names = listing.decode("utf-8", "replace").split()
        return f"it has {', '.join(names)}" if names else "it has no commit yet"
