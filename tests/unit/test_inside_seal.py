"""A tree's digest counts what a program can tell apart, and nothing else."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from twinstage.inside.seal import Unsealable, digest, fingerprint, normalise


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "release"
    (root / "pkg" / "empty").mkdir(parents=True)
    (root / "pkg" / "main.py").write_text("print('hello')\n")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    (root / "lib64").symlink_to("pkg")
    return root


def _touch(root: Path) -> None:
    os.utime(root / "run", (1, 1))
    (root / "run").chmod(0o700)
    (root / "pkg").chmod(0o700)


def _rebuilt(root: Path) -> None:
    (root / "run").rename(root / "other")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    (root / "other").unlink()


@pytest.mark.parametrize("change", [_touch, _rebuilt])
def test_times_owners_bits_and_inodes_do_not_count(tree: Path, change: Callable[[Path], None]) -> None:
    before = digest(tree)
    change(tree)
    assert digest(tree) == before
    assert before.startswith("sha256:")
    assert len(before) == 71


def _content(root: Path) -> None:
    (root / "pkg" / "main.py").write_text("print('hellO')\n")


def _renamed(root: Path) -> None:
    (root / "pkg" / "main.py").rename(root / "pkg" / "main2.py")


def _moved(root: Path) -> None:
    (root / "pkg" / "main.py").rename(root / "main.py")


def _not_executable(root: Path) -> None:
    (root / "run").chmod(0o644)


def _relinked(root: Path) -> None:
    (root / "lib64").unlink()
    (root / "lib64").symlink_to("run")


def _link_to_directory(root: Path) -> None:
    (root / "lib64").unlink()
    (root / "lib64").mkdir()


def _no_empty(root: Path) -> None:
    (root / "pkg" / "empty").rmdir()


def _link_for_content(root: Path) -> None:
    (root / "pkg" / "main.py").unlink()
    (root / "pkg" / "main.py").symlink_to("print('hello')\n")


@pytest.mark.parametrize(
    "change",
    [_content, _renamed, _moved, _not_executable, _relinked, _link_to_directory, _no_empty, _link_for_content],
)
def test_every_difference_that_a_program_can_see_counts(tree: Path, change: Callable[[Path], None]) -> None:
    before, prints = digest(tree), fingerprint(tree)
    change(tree)
    assert digest(tree) != before
    assert fingerprint(tree) != prints


def test_names_and_contents_are_not_run_together(tmp_path: Path) -> None:
    for root, name, content in ((tmp_path / "1", "a", "bc"), (tmp_path / "2", "ab", "c")):
        root.mkdir()
        (root / name).write_text(content)
    assert digest(tmp_path / "1") != digest(tmp_path / "2")


def test_the_same_content_elsewhere_is_the_same_digest(tree: Path, tmp_path: Path) -> None:
    before = digest(tree)
    tree.rename(tmp_path / "moved")
    assert digest(tmp_path / "moved") == before


def test_a_name_that_is_no_text_is_a_name(tree: Path) -> None:
    before = digest(tree)
    (tree / os.fsdecode(b"\xff\xfe")).write_text("")
    assert digest(tree) != before


def test_a_fingerprint_shows_a_change_that_kept_size_and_time(tree: Path) -> None:
    target = tree / "pkg" / "main.py"
    seen = target.stat()
    before = fingerprint(tree)
    target.write_text("print('hellO')\n")
    os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    after = fingerprint(tree)
    assert after != before
    assert {name for name in after if after[name] != before[name]} == {"pkg/main.py"}


def test_normalised_is_readable_by_all_and_writable_by_the_owner_alone(tree: Path) -> None:
    modes = {"run": 0o4770, "pkg/main.py": 0o606, "pkg/empty": 0o777, "pkg": 0o2700, ".": 0o700}
    for name, mode in modes.items():
        (tree / name).chmod(mode)
    (tree / "pkg" / "tool").write_text("")
    (tree / "pkg" / "tool").chmod(0o500)
    normalise(tree)
    assert {name: seen[1] for name, seen in fingerprint(tree).items() if seen[0] != "l"} == {
        ".": 0o755,
        "pkg": 0o755,
        "pkg/empty": 0o755,
        "pkg/main.py": 0o644,
        "pkg/tool": 0o555,
        "run": 0o755,
    }


@pytest.mark.parametrize(
    "target", ["../../outside", "/var/lib/twinstage", "/", "pkg/../../release2", "/usr/../home/me"]
)
def test_a_link_out_of_the_release_is_refused_by_name(tree: Path, target: str) -> None:
    (tree / "pkg" / "link").symlink_to(target)
    if target == "pkg/../../release2":
        (tree / "pkg" / "link").rename(tree / "link")
    with pytest.raises(Unsealable, match="link: the symbolic link leads to"):
        normalise(tree)


@pytest.mark.parametrize(
    "target", ["/usr/bin/python3", "/opt/twinstage/python/bin/python3", "main.py", "../run", "none"]
)
def test_a_link_within_the_release_or_to_the_system_is_kept(tree: Path, target: str) -> None:
    (tree / "pkg" / "link").symlink_to(target)
    (tree / "absolute").symlink_to(tree / "run")
    normalise(tree)
    assert digest(tree)


def test_places_beyond_can_be_added(tree: Path) -> None:
    (tree / "python").symlink_to("/home/me/python/bin/python3")
    normalise(tree, beyond=["/home/me/python"])


def test_links_are_never_followed_to_change_what_they_point_to(tree: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("")
    victim.chmod(0o600)
    (tree / "link").symlink_to(victim)
    with pytest.raises(Unsealable):
        normalise(tree)
    assert victim.stat().st_mode & 0o777 == 0o600


def test_a_named_pipe_cannot_be_sealed(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    for judged in (digest, normalise, fingerprint):
        with pytest.raises(Unsealable, match="pipe: it is a named pipe"):
            judged(tree)


def test_a_root_that_is_a_link_or_missing_is_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree)
    with pytest.raises(Unsealable, match="not a directory"):
        digest(tmp_path / "link")
    with pytest.raises(FileNotFoundError):
        digest(tmp_path / "none")


def test_two_thousand_files_take_less_than_two_seconds_of_the_processor(tmp_path: Path) -> None:
    for place in range(20):
        (tmp_path / str(place)).mkdir()
        for number in range(100):
            (tmp_path / str(place) / f"{number}.py").write_bytes(b"x" * 2000)
    began = time.process_time()
    normalise(tmp_path)
    fingerprint(tmp_path)
    digest(tmp_path)
    assert time.process_time() - began < 2
