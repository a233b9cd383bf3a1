"""Trees that a hostile build or repository makes: each is refused or bounded in words, blames the release, and can be removed."""

import io
import json
import os
import socket
import stat
import subprocess
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from test_forge import ORDERS, Author, give

from twinstage.forge.git import Refused
from twinstage.forge.mirror import Mirror
from twinstage.inside.export import Unusable, remove, unpack
from twinstage.inside.room import Room
from twinstage.inside.seal import Unsealable, digest, fingerprint, normalise
from twinstage.model.job import Job, JobKind
from twinstage.model.names import JobId, Place, RolloutId, ServiceName
from twinstage.runtime.local import results

NO_TEXT = os.fsdecode(b"caf\xe9")


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path / "repository")


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


def deep(root: Path, levels: int) -> None:
    """Directories in directories, further down than a path can name."""
    root.mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d" * 50, dir_fd=here)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.write(file := os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here), b"x" * 10_000)
    os.close(file)
    os.close(here)


@pytest.mark.parametrize("levels", [60, 200, 3000])
def test_what_is_deeper_than_any_path_is_refused_and_goes(tmp_path: Path, levels: int) -> None:
    """Left lying it would block each further attempt at the same build, and the disk, for ever."""
    tree = tmp_path / "tree"
    deep(tree, levels)
    for step in (normalise, digest, fingerprint):
        with pytest.raises(Unsealable, match="more than 2,048 bytes"):
            step(tree)
    remove(tree)
    assert not list(tmp_path.iterdir())


def test_a_job_hides_nothing_below_what_can_be_named(tmp_path: Path) -> None:
    deep(tmp_path / "tree", 200)
    times = iter(range(0, 1000, 100))
    assert Room(tmp_path / "tree", 1 << 30, lambda: next(times)).exceeded()
    remove(tmp_path / "tree")


def test_what_is_removed_may_have_names_of_ours_closed_parts_and_links(tmp_path: Path) -> None:
    tree, kept = tmp_path / "tree", tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("stays")
    (tree / "a" / "b" / "c").mkdir(parents=True)
    (tree / ".gone-0").mkdir()
    (tree / ".gone-1").write_text("")
    (tree / "a" / ".gone-2").mkdir()
    (tree / "a" / "link").symlink_to(kept)
    (tree / "a" / "b" / NO_TEXT).write_text("")
    os.mkfifo(tree / "a" / "b" / "pipe")
    (tree / "a" / "b" / "c").chmod(0)
    (tree / "a" / "b").chmod(0)
    remove(tree)
    assert not os.path.lexists(tree)
    assert (kept / "file").read_text() == "stays"


def special(tree: Path, kind: str) -> None:
    path = tree / NO_TEXT
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(tree / "s"))
        (tree / "s").rename(path)
    else:
        path.symlink_to(f"../{NO_TEXT}")


@pytest.mark.parametrize("kind", ["pipe", "socket", "link"])
def test_a_refusal_of_a_name_that_is_no_text_is_text(tmp_path: Path, kind: str) -> None:
    """Else no answer that tells of it could be sent: `status` of the whole company would fail."""
    tree = tmp_path / "tree"
    tree.mkdir()
    special(tree, kind)
    with pytest.raises(Unsealable) as refused:
        normalise(tree)
    assert "cannot seal caf\\xe9" in str(refused.value)
    str(refused.value).encode()


def test_a_result_that_holds_half_a_character_is_read_as_text(tmp_path: Path) -> None:
    job = Job(
        id=JobId("ro_1.build.0.1"), kind=JobKind.BUILD, name="build", place=Place.WORKSHOP, service=ServiceName("orders"),
        rollout=RolloutId("ro_1"), commit="9" * 40, round=0, attempt=1, command="true", limit=timedelta(minutes=1), source="x",
    )  # fmt: skip
    told = {"result": "failed", "detail": "cannot seal \udce9: it is a named pipe", "output": {"a\ud800": "b\udfff"}}
    (tmp_path / "result.json").write_text(json.dumps(told))
    (tmp_path / "log").write_bytes(b"\xff\xed\xa0\x80")
    read = results.read(job, tmp_path)
    assert read is not None
    read.log_end.encode()
    json.dumps(dict(read.output), ensure_ascii=False).encode()
    assert "it is a named pipe" in read.log_end


def test_bits_hard_links_and_holes_are_content_or_nothing(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "one\nline").write_text("x")
    os.link(tree / "one\nline", tree / "two")
    (tree / "run").write_text("#!/bin/sh\n")
    (tree / "run").chmod(0o6777)
    (tree / "folder").mkdir()
    (tree / "folder").chmod(0o7777)
    with (tree / "hole").open("wb") as hole:
        hole.truncate(64 << 20)
    normalise(tree)
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in tree.iterdir()}
    assert modes["run"] == modes["folder"] == 0o755
    assert not any(mode & 0o7022 for mode in modes.values())
    assert digest(tree) == digest(tree)


def archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b""))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "made",
    [
        member("/".join(["d" * 50] * 60)),
        member("../out"),
        member("/out"),
        member("a/../../out"),
        member("hard", tarfile.LNKTYPE, "/etc/passwd"),
        member(NO_TEXT, tarfile.FIFOTYPE),
        member("device", tarfile.CHRTYPE),
        member(NO_TEXT, tarfile.SYMTYPE, f"../{NO_TEXT}"),
        member("link", tarfile.SYMTYPE, "/etc"),
    ],
    ids=lambda made: repr(made.name[:20]),
)
def test_an_export_that_holds_it_is_refused_in_words(tmp_path: Path, made: tarfile.TarInfo) -> None:
    with pytest.raises(Unusable) as refused:
        unpack(archive(tmp_path / "x.tar", made), tmp_path / "copy", lambda: False)
    str(refused.value).encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "x.tar"]


def crafted(author: Author, mode: str, name: bytes, content: str) -> str:
    """A commit whose tree holds one entry as it is said, whatever git's own commands would think of it."""

    def git(*args: str, told: bytes) -> str:
        made = subprocess.run(["git", "-C", str(author.place), *args], input=told, capture_output=True, check=True)
        return made.stdout.decode().strip()

    blob = content if mode == "160000" else git("hash-object", "-w", "--stdin", told=content.encode())
    kind = "commit" if mode == "160000" else "blob"
    tree = git("mktree", "-z", "--missing", told=f"{mode} {kind} {blob}\t".encode() + name + b"\0")
    who = "Ada <ada@shop.example> 1700000000 +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nhostile\n"
    return git("hash-object", "-t", "commit", "-w", "--stdin", told=text.encode())


@pytest.mark.parametrize(
    ("mode", "name", "content"),
    [
        ("160000", b"caf\xe9", "1" * 40),
        ("120000", b"caf\xe9", "../../etc"),
        ("120000", b"caf\xe9", "/etc/passwd"),
        ("100644", b".git", "[core]\n\tfsmonitor = touch /tmp/pwned\n"),
        ("100644", b"..", "x"),
        ("120000", b".gitmodules", "../x"),
    ],
)
def test_a_hostile_commit_is_refused_in_words(
    author: Author, mirror: Mirror, tmp_path: Path, mode: str, name: bytes, content: str
) -> None:
    commit = crafted(author, mode, name, content)
    with pytest.raises(Refused) as refused:
        mirror.export(ORDERS, give(author, mirror, commit), ".", tmp_path / "x.tar")
    str(refused.value).encode()
    assert not (tmp_path / "x.tar").exists()


def test_attributes_filters_and_hooks_of_a_commit_do_nothing(author: Author, mirror: Mirror, tmp_path: Path) -> None:
    mark = tmp_path / "pwned"
    author.write(".gitattributes", "* filter=evil export-subst export-ignore ident text eol=crlf\n")
    author.write(".gitconfig", f'[filter "evil"]\n\tsmudge = touch {mark}\n\tclean = touch {mark}\n')
    author.write("hooks/post-checkout", f"#!/bin/sh\ntouch {mark}\n").chmod(0o755)
    author.write("file", "$Id$ $Format:%H$\n")
    commit = give(author, mirror, author.commit())
    mirror.export(ORDERS, commit, ".", tmp_path / "x.tar")
    unpack(tmp_path / "x.tar", tmp_path / "copy", lambda: False)
    assert (tmp_path / "copy" / "file").read_bytes() == b"$Id$ $Format:%H$\n"
    assert not mark.exists()
