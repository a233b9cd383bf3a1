"""The example company's services, each as a real git repository of its own.

The first history of a repository is the same on every machine: fixed authors, dates and trailers, so fixed commit ids.
What the acts commit on top depends on what is there already, so that no play repeats a commit of an earlier one.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twinstage.demo.changes import Change
from twinstage.demo.people import Person, pair

BEGAN = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)
"""When the company's first commit was made; each further commit of a repository is an hour later."""

EXAMPLE = "refs/twinstage-demo/example"
"""The commit that holds the example as it was last taken over."""

_CHAPTERS: tuple[tuple[str, Sequence[str]], ...] = (
    ("Write {service}", (".gitignore", "pyproject.toml", "uv.lock", "src")),
    ("Test {service}: alone, as a program, and in staging", ("tests",)),
    ("Ship {service} by the company's standard", ("twinstage.yaml",)),
)


class DemoTrouble(Exception):
    """The play cannot be prepared: what, why, and what to do."""


def examples() -> Path:
    """``examples/shop`` of the checkout that this package runs from. Raises DemoTrouble where there is none."""
    shop = Path(__file__).resolve().parents[3] / "examples" / "shop"
    if not (shop / "ecosystem.yaml").is_file():
        raise DemoTrouble(
            f"cannot find the example company: {shop} has no ecosystem.yaml; the play needs a checkout of Twinstage,"
            " an installed package does not carry the example"
        )
    return shop


def home() -> Path:
    """Where the play keeps its repositories: $XDG_STATE_HOME/twinstage-demo, or /var/lib/twinstage-demo for root."""
    if os.geteuid() == 0:
        return Path("/var/lib/twinstage-demo")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "twinstage-demo"


@dataclass(frozen=True)
class Repository:
    """One service's repository, with a work tree on ``main``."""

    path: Path

    def head(self, revision: str = "main") -> str:
        return self.git("rev-parse", "--verify", f"{revision}^{{commit}}").strip()

    def read(self, file: str) -> str:
        return (self.path / file).read_text("utf-8")

    def files(self, folder: str) -> list[str]:
        """Names of the files in a folder, in order."""
        return sorted(path.name for path in (self.path / folder).iterdir() if path.is_file())

    def commit(self, change: Change) -> str:
        """Commit a change on ``main``, or on a branch of its own where it names one; the work tree ends on ``main``."""
        branch = self._new_branch(change.branch) if change.branch else "main"
        if change.branch:
            self.git("switch", "--quiet", "--create", branch)
        for edit in change.edits:
            (self.path / edit.file).write_text(edit.applied(self.read(edit.file)), "utf-8")
        for new in change.files:
            (self.path / new.file).write_text(new.text, "utf-8")
        commit = self._record(change.title, change.body, change.author, change.reviewer)
        if change.branch:
            self.git("switch", "--quiet", "main")
        return commit

    def found(self, service: str, source: Path) -> None:
        """Make the repository and its first history from an example."""
        self.path.mkdir(parents=True)
        self.git("init", "--quiet", "--template=", "--initial-branch", "main")
        author, reviewer = pair(service)
        for title, parts in _CHAPTERS:
            for part in parts:
                _copy(source / part, self.path / part)
            self._record(title.format(service=service), "", author, reviewer)
        self.git("update-ref", EXAMPLE, "main")

    def follow(self, service: str, source: Path) -> None:
        """Bring the work tree back to ``main``; where the example has changed since, commit what it is now."""
        self.git("checkout", "--quiet", "--force", "main")
        self.git("clean", "--quiet", "-d", "--force")
        if self._tree_of(source) == self.git("rev-parse", f"{EXAMPLE}^{{tree}}").strip():
            return
        for _, parts in _CHAPTERS:
            for part in parts:
                _remove(self.path / part)
                _copy(source / part, self.path / part)
        author, reviewer = pair(service)
        self._record(f"Take {service} over as the example has it now", "", author, reviewer)
        self.git("update-ref", EXAMPLE, "main")

    def git(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run git here, out of reach of anybody's configuration. Raises DemoTrouble with git's own words."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        command = ["git", "-C", str(self.path), "-c", "core.autocrlf=false", *arguments]
        try:
            done = subprocess.run(command, env=clean | dict(env or {}), capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise DemoTrouble("cannot make the example's repositories: there is no git; install it") from None
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            raise DemoTrouble(f"cannot prepare {self.path}: git {arguments[0]} failed: {said}")
        return done.stdout

    def _record(self, title: str, body: str, author: Person, reviewer: Person) -> str:
        self.git("add", "--all")
        when = (BEGAN + timedelta(hours=self._commits())).isoformat()
        people = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", author.name), ("EMAIL", author.email), ("DATE", when))
        }
        message = "\n\n".join(part for part in (title, body, f"Reviewed-by: {reviewer}") if part)
        # Empty where main has come to the example's content by itself: that it was taken over is recorded all the same.
        self.git("commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message", message, env=people)
        return self.head("HEAD")

    def _commits(self) -> int:
        """Of all branches, so that a change is another commit each time it is made."""
        return int(self.git("rev-list", "--all", "--count") or 0)

    def _new_branch(self, name: str) -> str:
        taken = self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
        numbered = [name, *(f"{name}-{n}" for n in range(2, len(taken) + 2))]
        return next(branch for branch in numbered if branch not in taken)

    def _tree_of(self, source: Path) -> str:
        """The tree that a commit of the example would have; its objects are written, no reference is."""
        index = self.path / ".git" / "twinstage-demo-index"
        index.unlink(missing_ok=True)
        env = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(source), "GIT_DIR": str(self.path / ".git")}
        parts = [part for _, chapter in _CHAPTERS for part in chapter]
        try:
            self.git("-C", str(source), "add", "--", *parts, env=env)
            return self.git("write-tree", env=env).strip()
        finally:
            index.unlink(missing_ok=True)


@dataclass(frozen=True)
class Shop:
    """The company's repositories and its file, made ready in ``path``."""

    path: Path
    services: tuple[str, ...]

    @property
    def file(self) -> Path:
        return self.path / "ecosystem.yaml"

    def repository(self, service: str) -> Repository:
        return Repository(self.path / service)


def prepare(source: Path, into: Path) -> Shop:
    """Make the company of the example in a directory, or bring one of an earlier play up to date."""
    into.mkdir(parents=True, exist_ok=True)
    services = tuple(sorted(path.parent.name for path in source.glob("*/twinstage.yaml")))
    for service in services:
        repository = Repository(into / service)
        if (repository.path / ".git").is_dir() and _is_whole(repository):
            repository.follow(service, source / service)
        else:
            _remove(repository.path)
            repository.found(service, source / service)
    shutil.copyfile(source / "ecosystem.yaml", into / "ecosystem.yaml")
    return Shop(path=into, services=services)


def _is_whole(repository: Repository) -> bool:
    """Its first history was finished: the reference is made last."""
    return bool(repository.git("for-each-ref", EXAMPLE))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    else:
        shutil.copy(source, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
