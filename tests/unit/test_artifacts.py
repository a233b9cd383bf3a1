"""Trees by what they are built from, sealed by what they hold."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from twinstage.artifacts.identity import input_hash, plain, release_id
from twinstage.artifacts.readings import Readings, Unread
from twinstage.artifacts.shelf import Damaged, TreeShelf
from twinstage.config.definition import definition
from twinstage.config.problems import Problems
from twinstage.forge.git import UnknownRevision
from twinstage.inside import seal as sealing
from twinstage.model.commit import CommitInfo
from twinstage.model.names import Digest, Ecosystem, ServiceName
from twinstage.model.release import Definition
from twinstage.model.rollout import ServiceState

ORDERS = ServiceName("orders")
T = TypeVar("T")
TEXT = b"service: orders\nrun: serve\nbuild: make\ninstances: {production: 2, staging: 1}\n"
DEFINITION = definition(TEXT)
COMMIT = "c" * 40
SERVICE = ServiceState(
    service=ORDERS,
    repository="/orders",
    branch="main",
    path=".",
    baselines=(),
    frontends={},
    backends={},
    secrets_version={},
)


class Commits:
    """A forge in memory: every commit has one file and a tree named after its path."""

    def __init__(self) -> None:
        self.exported: list[tuple[str, str]] = []
        self.text = TEXT

    def info(self, service: ServiceName, commit: str, path: str = ".") -> CommitInfo:
        return CommitInfo(commit=commit, tree=f"tree of {path}", author="Ada", author_email="ada@x", subject="x")

    def show(self, service: ServiceName, commit: str, path: str) -> bytes:
        if path not in ("twinstage.yaml", "services/orders/twinstage.yaml"):
            raise UnknownRevision(path)
        return self.text

    def export(self, service: ServiceName, commit: str, path: str, to: Path) -> None:
        self.exported.append((commit, path))
        to.write_text(path)


def read(text: bytes, file: str, service: ServiceName) -> Definition:
    return definition(text, file, service=service)


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
def shelf(tmp_path: Path, commits: Commits) -> TreeShelf:
    for name in ("artifacts", "exports"):
        (tmp_path / name).mkdir()
    return again(tmp_path, commits)


def again(root: Path, commits: Commits, toolchain: str = "python 3.11") -> TreeShelf:
    """Another controller's shelf over the same directories."""
    return TreeShelf(
        commits=commits,
        read=read,
        artifacts=root / "artifacts",
        exports=root / "exports",
        seals=root / "seals",
        toolchain=toolchain,
    )


def build(root: Path, location: str) -> Path:
    tree = root / location.lstrip("/")
    (tree / "bin").mkdir(parents=True)
    (tree / "bin/run").write_text("#!/bin/sh\n")
    (tree / "data").write_text("0123456789")
    (tree / "link").symlink_to("data")
    return tree


def test_a_definition_is_read_at_the_services_path(shelf: TreeShelf, commits: Commits) -> None:
    assert shelf.definition(SERVICE, COMMIT) == DEFINITION
    assert shelf.definition(replace(SERVICE, path="services/orders"), COMMIT) == DEFINITION
    commits.text = TEXT.replace(b"orders", b"payments")
    with pytest.raises(Problems, match="calls this service orders"):
        shelf.definition(SERVICE, COMMIT)


def test_an_export_is_made_once_and_anew_for_another_path(shelf: TreeShelf, commits: Commits, tmp_path: Path) -> None:
    tar = tmp_path / "exports" / f"orders-{COMMIT}.tar"

    assert shelf.export(SERVICE, COMMIT) == shelf.export(SERVICE, COMMIT) == tar.stem
    assert (commits.exported, tar.read_text()) == ([(COMMIT, ".")], ".")
    shelf.export(replace(SERVICE, path="services/orders"), COMMIT)
    assert tar.read_text() == "services/orders"


def test_the_location_follows_what_is_built_from(shelf: TreeShelf, commits: Commits, tmp_path: Path) -> None:
    location = shelf.location(SERVICE, COMMIT, DEFINITION)

    assert location.startswith("/artifacts/")
    assert len(location) == len("/artifacts/") + 32
    assert shelf.location(SERVICE, "d" * 40, replace(DEFINITION, verify="x")) == location
    others = {
        shelf.location(replace(SERVICE, path="a"), COMMIT, DEFINITION),
        shelf.location(replace(SERVICE, service=ServiceName("other")), COMMIT, DEFINITION),
        shelf.location(SERVICE, COMMIT, replace(DEFINITION, build=None)),
        again(tmp_path, commits, "python 3.12").location(SERVICE, COMMIT, DEFINITION),
    }
    assert len(others | {location}) == 5


def test_a_tree_is_sealed_once_built(shelf: TreeShelf, commits: Commits, tmp_path: Path) -> None:
    location = shelf.location(SERVICE, COMMIT, DEFINITION)
    assert shelf.sealed(location) is None
    tree = build(tmp_path, location)
    assert shelf.sealed(location) is None, "built, but nobody has said that the build ended"

    artifact = shelf.seal(location, sealing.digest(tree))
    assert artifact.location == location
    assert shelf.seal(location, artifact.digest) == artifact
    assert shelf.intact(artifact)
    assert again(tmp_path, commits).sealed(location) == artifact
    assert shelf.location(SERVICE, COMMIT, DEFINITION) == location


def test_a_tree_that_is_not_what_its_build_reported_is_not_sealed(shelf: TreeShelf, tmp_path: Path) -> None:
    location = shelf.location(SERVICE, COMMIT, DEFINITION)
    with pytest.raises(Damaged, match="cannot seal"):
        shelf.seal(location, "sha256:0")
    tree = build(tmp_path, location)
    with pytest.raises(Damaged, match="reported sha256:0, but it is"):
        shelf.seal(location, "sha256:0")
    digest = sealing.digest(tree)
    shelf.seal(location, digest)
    (tree / "data").write_text("other")
    with pytest.raises(Damaged, match="sealed already"):
        shelf.seal(location, sealing.digest(tree))


def overwrite_and_set_back_the_clock(tree: Path) -> None:
    seen = (tree / "data").stat()
    (tree / "data").write_text("9876543210")
    os.utime(tree / "data", ns=(seen.st_atime_ns, seen.st_mtime_ns))


@pytest.mark.parametrize(
    "touch",
    [
        overwrite_and_set_back_the_clock,
        lambda tree: (tree / "new").touch(),
        lambda tree: (tree / "data").unlink(),
        lambda tree: (tree / "bin/run").chmod(0o755),
        lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("bin")),
        lambda tree: tree.rename(tree.with_name("gone")),
        lambda tree: os.mkfifo(tree / "pipe"),
    ],
)
def test_a_touched_tree_is_found_and_never_built_over(shelf: TreeShelf, tmp_path: Path, touch: object) -> None:
    location = shelf.location(SERVICE, COMMIT, DEFINITION)
    tree = build(tmp_path, location)
    artifact = shelf.seal(location, sealing.digest(tree))
    assert callable(touch)
    touch(tree)

    assert not shelf.intact(artifact)
    assert shelf.sealed(location) is None
    assert shelf.location(SERVICE, COMMIT, DEFINITION) == f"{location}-2"


def test_times_alone_are_no_damage(shelf: TreeShelf, tmp_path: Path) -> None:
    location = shelf.location(SERVICE, COMMIT, DEFINITION)
    tree = build(tmp_path, location)
    artifact = shelf.seal(location, sealing.digest(tree))
    os.utime(tree / "data", (0, 0))

    assert shelf.intact(artifact)
    assert shelf.intact(artifact)


def test_an_artifact_of_another_digest_or_without_a_seal_is_not_intact(shelf: TreeShelf, tmp_path: Path) -> None:
    location = shelf.location(SERVICE, COMMIT, DEFINITION)
    artifact = shelf.seal(location, sealing.digest(build(tmp_path, location)))

    assert not shelf.intact(replace(artifact, digest=Digest("sha256:0")))
    assert not shelf.intact(replace(artifact, kind="image"))
    (seal,) = (tmp_path / "seals").iterdir()
    seal.write_text("{")
    assert not shelf.intact(artifact)


@pytest.mark.parametrize("location", ["/etc", "/artifacts/", "/artifacts/../x", "/artifacts/a/b", "artifacts/a"])
def test_a_location_of_ours_is_one_name(shelf: TreeShelf, location: str) -> None:
    with pytest.raises(ValueError, match="not an artifact's location"):
        shelf.sealed(location)


def test_a_release_is_named_by_all_that_it_is() -> None:
    name = release_id(COMMIT, Digest("sha256:1"), DEFINITION)

    assert name == release_id(COMMIT, Digest("sha256:1"), definition(TEXT))
    assert name.startswith("r_")
    assert len(name) == 14
    both = dict.fromkeys(Ecosystem, "1")
    others = {
        release_id("d" * 40, Digest("sha256:1"), DEFINITION),
        release_id(COMMIT, Digest("sha256:2"), DEFINITION),
        release_id(COMMIT, Digest("sha256:1"), replace(DEFINITION, config={"A": both})),
        release_id(COMMIT, Digest("sha256:1"), replace(DEFINITION, config={"B": both})),
    }
    assert len(others | {name}) == 5


def test_the_order_of_the_file_does_not_matter() -> None:
    one, two = (definition(TEXT + config) for config in (b"config: {A: 1, B: 2}", b"config: {B: 2, A: 1}"))
    assert release_id(COMMIT, Digest("x"), one) == release_id(COMMIT, Digest("x"), two)


def test_what_has_no_canonical_form_is_refused() -> None:
    assert plain(DEFINITION)["processes"]["web"]["instances"] == {"production": 2, "staging": 1}
    with pytest.raises(TypeError, match="float"):
        plain({"a": 1.5})
    assert input_hash(ORDERS, "t", ".", None, "x") != input_hash(ORDERS, "t", ".", "", "x")


def test_a_tree_that_takes_long_to_read_makes_nobody_wait(tmp_path: Path, commits: Commits) -> None:
    """Who asks is told to ask again; the answer is there when the reading has ended, and others are not held up meanwhile."""
    goes_on, now = threading.Event(), [0.0]
    readings = Readings(patience=0.01, clock=lambda: now[0])
    asked: list[str] = []

    def long() -> str:
        asked.append("long")
        assert goes_on.wait(20)
        return "whole"

    for _ in range(2):
        with pytest.raises(Unread, match="ask again"):
            readings.of("large", long)
    with pytest.raises(Unread):
        readings.of("small", lambda: "small")
    goes_on.set()
    assert until(lambda: readings.of("large", long)) == readings.of("large", long) == "whole"
    assert until(lambda: readings.of("small", lambda: "small")) == "small"
    assert asked == ["long"], "read once, however often it was asked for"
    now[0] = 31.0
    assert until(lambda: readings.of("large", lambda: "anew")) == "anew", "an answer does not count for ever"


def test_what_a_reading_finds_wrong_reaches_who_asks(tmp_path: Path, commits: Commits, shelf: TreeShelf) -> None:
    slow = TreeShelf(
        commits=commits, read=read, artifacts=tmp_path / "artifacts", exports=tmp_path / "exports",
        seals=tmp_path / "seals", toolchain="x", readings=Readings(patience=0),
    )  # fmt: skip
    location = slow.location(SERVICE, COMMIT, DEFINITION)
    tree = build(tmp_path, location)
    with pytest.raises(Damaged, match="its build reported sha256:0"):
        until(lambda: slow.seal(location, "sha256:0"))
    artifact = until(lambda: slow.seal(location, sealing.digest(tree)))
    assert until(lambda: slow.intact(artifact))


def until(ask: Callable[[], T]) -> T:
    end = time.monotonic() + 20
    while True:
        try:
            return ask()
        except Unread:
            assert time.monotonic() < end, "never read"
            time.sleep(0.005)
