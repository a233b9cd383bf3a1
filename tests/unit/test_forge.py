"""Commits travel from a user's repository into the daemon's mirror, and out as tar files. On real git."""

import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from twinstage.forge import upkeep
from twinstage.forge.git import ForgeTrouble, NotARepository, Refused, UnknownRevision
from twinstage.forge.mirror import Mirror
from twinstage.forge.repository import Repository
from twinstage.model.names import ServiceName

ORDERS = ServiceName("orders")
SETTINGS = ("-c", "user.name=Ada", "-c", "user.email=ada@shop.example", "-c", "init.defaultBranch=main")


class Author:
    """Somebody who commits."""

    def __init__(self, place: Path, kind: str = "sha1") -> None:
        self.place = place
        place.mkdir()
        self.git("init", "-q", f"--object-format={kind}")
        self.repository = Repository(place)

    def git(self, *args: str) -> None:
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", *SETTINGS, *args], cwd=self.place, env=env, check=True, capture_output=True)

    def write(self, name: str, text: str = "text\n") -> Path:
        file = self.place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def commit(self, message: str = "a commit") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.repository.resolve()


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path / "repository")


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


def give(author: Author, mirror: Mirror, commit: str) -> str:
    mirror.receive(ORDERS, author.repository.pack(commit, mirror.known(ORDERS)), commit)
    return commit


# ------------------------------------------------------------------ the user's side


def test_names_of_a_commit(author: Author) -> None:
    first = author.commit()
    author.git("branch", "side")
    author.git("tag", "v1")
    second = author.commit("another")

    assert author.repository.resolve("side") == author.repository.resolve("v1") == first
    assert author.repository.resolve(first[:10]) == first
    assert author.repository.resolve("HEAD~1") == first
    assert author.repository.head("main") == second


def test_an_unknown_name_is_answered_with_what_there_is(author: Author) -> None:
    author.commit()
    author.git("branch", "side")

    for look in (author.repository.resolve, author.repository.head):
        with pytest.raises(UnknownRevision, match=r"mian.*it has main, side"):
            look("mian")


@pytest.mark.parametrize("name", ["--all", "-x", "", "a b", "a\nb", "\0"])
def test_no_name_becomes_an_option(author: Author, name: str) -> None:
    author.commit()
    with pytest.raises(UnknownRevision, match="no name of a commit"):
        author.repository.resolve(name)


def test_a_repository_without_a_commit(author: Author) -> None:
    with pytest.raises(UnknownRevision, match="no commit yet"):
        author.repository.resolve()


def test_places_that_are_no_repository(author: Author, tmp_path: Path) -> None:
    author.write("services/orders/a")
    author.commit()
    (tmp_path / "plain").mkdir()

    with pytest.raises(NotARepository, match="no such directory"):
        Repository(tmp_path / "gone").resolve()
    with pytest.raises(NotARepository, match="git init"):
        Repository(tmp_path / "plain").resolve()
    with pytest.raises(NotARepository, match=r"inside the repository .*path: services/orders"):
        Repository(author.place / "services/orders").resolve()


def test_a_shallow_clone_is_told_so(author: Author, tmp_path: Path) -> None:
    author.commit()
    author.commit()
    author.git("clone", "-q", "--depth=1", f"file://{author.place}", str(tmp_path / "shallow"))
    shallow = Repository(tmp_path / "shallow")

    with pytest.raises(Refused, match="git fetch --unshallow"):
        shallow.pack(shallow.resolve())


def test_a_file_of_a_commit(author: Author) -> None:
    author.write("twinstage.yaml", "old")
    old = author.commit()
    author.write("twinstage.yaml", "new")
    author.commit()

    assert author.repository.show(old, "twinstage.yaml") == b"old"
    with pytest.raises(UnknownRevision, match="no such file"):
        author.repository.show(old, "other")


def test_a_repositorys_own_settings_run_nothing(author: Author, tmp_path: Path) -> None:
    """A partial clone makes git fetch what lacks, by a command that the repository itself may name."""
    blob = author.write("a")
    commit = author.commit()
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    settings = {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://elsewhere/repository",
        "protocol.ssh.allow": "always",
        "core.sshCommand": str(trap),
    }
    for name, value in settings.items():
        author.git("config", name, value)
    lacking = subprocess.check_output(["git", "hash-object", str(blob)], cwd=author.place).decode().strip()
    (author.place / ".git/objects" / lacking[:2] / lacking[2:]).unlink()

    with pytest.raises(ForgeTrouble, match="cannot pack commit"):
        author.repository.pack(commit)
    assert not (tmp_path / "sprung").exists()


# ------------------------------------------------------------------ into the mirror


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_commit_travels(tmp_path: Path, mirror: Mirror, kind: str) -> None:
    author = Author(tmp_path / "other", kind)
    author.write("a")
    first = give(author, mirror, author.commit())
    author.write("b")
    second = author.commit()

    assert len(author.repository.pack(second, mirror.known(ORDERS))) < len(author.repository.pack(second))
    give(author, mirror, second)
    give(author, mirror, second)
    assert sorted(mirror.known(ORDERS)) == sorted([first, second])
    assert mirror.has(ORDERS, second)
    assert mirror.show(ORDERS, second, "b") == b"text\n"
    assert mirror.known(ServiceName("payments")) == []


def test_what_the_mirror_knows_and_the_repository_does_not_is_left_out_of_account(author: Author) -> None:
    commit = author.commit()
    assert author.repository.pack(commit, ["f" * 40]) == author.repository.pack(commit)


def test_what_was_submitted_stays_when_the_branch_is_forced_back_or_the_repository_is_gone(
    author: Author, mirror: Mirror, tmp_path: Path
) -> None:
    give(author, mirror, author.commit("first"))
    author.write("a", "as it was\n")
    old = give(author, mirror, author.commit("second"))
    author.write("a", "as it is\n")
    author.git("add", "-A")
    author.git("commit", "-q", "--amend", "-m", "second, once more")
    author.git("reflog", "expire", "--expire=now", "--all")
    author.git("gc", "-q", "--prune=now")
    new = give(author, mirror, author.repository.resolve())
    assert mirror.show(ORDERS, old, "a") == b"as it was\n"
    assert mirror.show(ORDERS, new, "a") == b"as it is\n"
    author.place.rename(tmp_path / "elsewhere")
    with pytest.raises(NotARepository, match="no such directory"):
        Repository(author.place).resolve()
    mirror.export(ORDERS, old, ".", tmp_path / "old.tar")
    with tarfile.open(tmp_path / "old.tar") as tar:
        assert tar.extractfile("a").read() == b"as it was\n"  # type: ignore[union-attr]


def test_an_older_commit_needs_no_pack_at_all(author: Author, mirror: Mirror) -> None:
    first = author.commit()
    give(author, mirror, author.commit())

    mirror.receive(ORDERS, BytesIO(b""), first)
    assert mirror.has(ORDERS, first)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda old, new: new, "broken or not sound"),
        (lambda old, new: new[:60], "broken or not sound"),
        (lambda old, new: new[:-1] + bytes([new[-1] ^ 1]), "broken or not sound"),
        (lambda old, new: b"no pack", "broken or not sound"),
        (lambda old, new: old, "leaves out"),
        (lambda old, new: b"", "leaves out"),
    ],
)
def test_a_pack_that_does_not_complete_its_commit(
    author: Author, mirror: Mirror, tmp_path: Path, spoil: Callable[[bytes, bytes], bytes], says: str
) -> None:
    """Nothing of it stays: the next, good pack is taken as if it had never come."""
    author.write("a")
    first = author.commit()
    old = author.repository.pack(first)
    author.write("b", "another\n")
    second = author.commit()
    new = author.repository.pack(second, [first])

    with pytest.raises(Refused, match=says):
        mirror.receive(ORDERS, spoil(old, new), second)
    assert mirror.known(ORDERS) == []
    assert list((tmp_path / "mirror" / "orders.git" / "objects").rglob("*.pack")) == []
    assert list((tmp_path / "mirror" / "orders.git").glob("incoming-*")) == []
    assert give(author, mirror, second) in mirror.known(ORDERS)


def test_only_a_commit_is_taken(author: Author, mirror: Mirror, tmp_path: Path) -> None:
    author.write("a")
    commit = author.commit()
    pack = author.repository.pack(commit)
    tree = author.repository.resolve()
    give(author, mirror, commit)
    tree = mirror.info(ORDERS, commit).tree

    with pytest.raises(Refused, match="it is a tree"):
        mirror.receive(ORDERS, pack, tree)


def test_a_daemon_killed_while_it_took_a_pack_leaves_nothing(author: Author, mirror: Mirror, tmp_path: Path) -> None:
    give(author, mirror, author.commit())
    left = tmp_path / "mirror" / "orders.git" / "incoming-x"
    left.mkdir()
    (left / "half").touch()

    assert len(Mirror(tmp_path / "mirror").known(ORDERS)) == 1
    assert not left.exists()


def test_a_lock_that_a_loss_of_power_left_hinders_nobody(author: Author, mirror: Mirror, tmp_path: Path) -> None:
    commit = author.commit()
    mirror._made(ORDERS, commit)
    lock = tmp_path / "mirror" / "orders.git" / "refs" / "twinstage" / f"{commit}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    (tmp_path / "mirror" / "orders.git" / "packed-refs.lock").touch()
    again = Mirror(tmp_path / "mirror")
    give(author, again, commit)
    assert again.has(ORDERS, commit)
    upkeep.tidy(again.places()[0])


def test_packs_are_put_together_once_they_are_many_and_nothing_is_lost(
    author: Author, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "MOST_PACKS", 3)
    commits = []
    for number in range(5):
        author.write(f"file-{number}", f"{number}\n")
        commits.append(give(author, mirror, author.commit()))
    (place,) = mirror.places()
    packs = place / "objects" / "pack"
    # One that is just arriving: its pack is here, and nothing refers to it yet.
    author.write("late")
    late = author.commit()
    subprocess.run(["git", "index-pack", "--stdin", "--fix-thin"], cwd=place, check=True, capture_output=True,
                   input=author.repository.pack(late, mirror.known(ORDERS)))  # fmt: skip
    assert len(list(packs.glob("*.pack"))) == 6
    assert upkeep.tidy(place)
    assert len(list(packs.glob("*.pack"))) == 1
    assert not upkeep.tidy(place), "there is no need any more"
    assert sorted(mirror.known(ORDERS)) == sorted(commits)
    assert mirror.show(ORDERS, commits[0], "file-0") == b"0\n"
    mirror.receive(ORDERS, b"", late)
    assert mirror.show(ORDERS, late, "late") == b"text\n"
    assert mirror.sizes()[ORDERS] > 0


def test_a_pack_that_was_being_written_is_swept_up(author: Author, mirror: Mirror) -> None:
    give(author, mirror, author.commit())
    (place,) = mirror.places()
    half = place / "objects" / "pack" / ".tmp-123-pack-abc.pack"
    half.touch()
    assert len(Mirror(place.parent).known(ORDERS)) == 1
    assert not half.exists()


@pytest.mark.parametrize("name", ["../x", "Orders", "", "a/b", "-x"])
def test_a_service_never_names_another_place(mirror: Mirror, name: str) -> None:
    with pytest.raises(Refused):
        mirror.known(ServiceName(name))


@pytest.mark.parametrize("commit", ["HEAD", "--all", "a" * 39, "A" * 40, "a" * 40 + "\n", ""])
def test_only_full_ids_are_taken(mirror: Mirror, commit: str) -> None:
    with pytest.raises(Refused, match="40 or 64 hex digits"):
        mirror.receive(ORDERS, b"", commit)


# ------------------------------------------------------------------ out of the mirror


def test_who_wrote_it_and_who_vouches_for_it(author: Author, mirror: Mirror) -> None:
    author.write("svc/a")
    message = "Ship it\n\nA body: with a colon.\n\nReviewed-by: Bob <bob@shop.example>\nTicket: 7\n"
    commit = give(author, mirror, author.commit(message))
    info = mirror.info(ORDERS, commit)

    assert (info.commit, info.author, info.author_email, info.subject) == (commit, "Ada", "ada@shop.example", "Ship it")
    assert info.trailers == (("Reviewed-by", "Bob <bob@shop.example>"), ("Ticket", "7"))


def test_the_tree_is_that_of_the_services_path(author: Author, mirror: Mirror) -> None:
    author.write("orders/a")
    author.write("payments/a", "1\n")
    first = give(author, mirror, author.commit())
    author.write("payments/a", "2\n")
    second = give(author, mirror, author.commit())

    assert mirror.info(ORDERS, first, "orders").tree == mirror.info(ORDERS, second, "orders").tree
    assert mirror.info(ORDERS, first, ".").tree != mirror.info(ORDERS, second, ".").tree
    with pytest.raises(UnknownRevision, match="no such directory"):
        mirror.info(ORDERS, first, "catalog")
    with pytest.raises(Refused, match="not a directory"):
        mirror.info(ORDERS, first, "orders/a")


def test_only_plain_files_are_shown(author: Author, mirror: Mirror) -> None:
    author.write("dir/a")
    (author.place / "link").symlink_to("dir/a")
    commit = give(author, mirror, author.commit())

    assert mirror.show(ORDERS, commit, "dir/a") == b"text\n"
    for path in ("dir", "link"):
        with pytest.raises(Refused, match="not a plain file"):
            mirror.show(ORDERS, commit, path)
    with pytest.raises(UnknownRevision, match="no such file"):
        mirror.show(ORDERS, commit, "*")
    with pytest.raises(UnknownRevision, match="never received"):
        mirror.show(ORDERS, "f" * 40, "dir/a")


def test_an_export_is_the_commits_tree_and_the_same_bytes_each_time(
    author: Author, mirror: Mirror, tmp_path: Path
) -> None:
    author.write("svc/.gitattributes", "secret export-ignore\n* text eol=crlf\n")
    author.write("svc/secret", "kept\n")
    author.write("svc/run", "#!/bin/sh\n").chmod(0o755)
    author.write("svc/ü\ny")
    (author.place / "svc/link").symlink_to("run")
    author.write("beside")
    commit = give(author, mirror, author.commit())
    one, two = tmp_path / "one.tar", tmp_path / "two.tar"
    mirror.export(ORDERS, commit, "svc", one)
    mirror.export(ORDERS, commit, "svc", two)

    assert one.read_bytes() == two.read_bytes()
    assert stat.S_IMODE(one.stat().st_mode) == 0o644
    with tarfile.open(one) as tar:
        members = {member.name: member for member in tar}
        assert sorted(members) == [".gitattributes", "link", "run", "secret", "ü\ny"]
        assert (members["run"].mode, members["secret"].mode) == (0o755, 0o644)
        assert members["link"].linkname == "run"
        file = tar.extractfile("run")
        assert file is not None
        assert file.read() == b"#!/bin/sh\n"
        assert {member.mtime for member in members.values()} != {0}
    assert list(tmp_path.glob(".export-*")) == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../beside", "sub/../../beside", ".."])
def test_a_link_that_leaves_the_tree_is_refused(author: Author, mirror: Mirror, tmp_path: Path, target: str) -> None:
    author.write("svc/a")
    (author.place / "svc/link").symlink_to(target)
    commit = give(author, mirror, author.commit())

    with pytest.raises(Refused, match="link is a symbolic link"):
        mirror.export(ORDERS, commit, "svc", tmp_path / "x.tar")
    assert not (tmp_path / "x.tar").exists()
    assert list(tmp_path.glob(".export-*")) == []


def test_a_submodule_is_refused(author: Author, mirror: Mirror, tmp_path: Path) -> None:
    author.git("update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},vendor/lib")
    author.git("commit", "-q", "-m", "with a submodule")
    commit = give(author, mirror, author.repository.resolve())

    with pytest.raises(Refused, match="vendor/lib is a git submodule"):
        mirror.export(ORDERS, commit, ".", tmp_path / "x.tar")
