"""The disk that holds the company's state is full, at every kind of write: what runs goes on, what is asked for is answered in
words, and with room again everything goes on from where it was."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_company import TinyCompany, Users
from acceptance_ground import REPOSITORY, ended, short_directory
from acceptance_person import Person
from acceptance_traces import until

pytestmark = [
    pytest.mark.real,
    pytest.mark.acceptance,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk small enough to fill"),
]


class Disk:
    """A small file system of its own."""

    def __init__(self, place: Path) -> None:
        self.place, self._stuffing = place, place / "stuffing"

    def fill(self) -> None:
        """To the last byte."""
        stuffing = os.open(self._stuffing, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 16, 1 << 9, 1):
                try:
                    while True:
                        os.write(stuffing, bytes(size))
                except OSError:
                    continue
        finally:
            os.close(stuffing)

    def make_room(self) -> None:
        self._stuffing.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    place = short_directory()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", str(place)], check=True)
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", str(place)], check=True)
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def tiny(disk: Disk) -> Iterator[TinyCompany]:
    """Its state is on the small disk, its repositories elsewhere."""
    elsewhere = short_directory()
    person = Person(disk.place / "c", REPOSITORY, None)
    person.root.mkdir()
    person.environment["HOME"] = str(elsewhere / "home")
    yield TinyCompany(person, elsewhere / "company")
    disk.make_room()
    ended(person)
    shutil.rmtree(elsewhere)


def test_up_says_what_it_could_not_write(tiny: TinyCompany, disk: Disk) -> None:
    disk.fill()
    refused = tiny.twinstage("up")
    assert refused.returncode == 4, refused.stdout
    assert "No space left" in refused.stdout
    assert "Traceback" not in refused.stdout
    disk.make_room()
    tiny.done("up")
    tiny.done("submit", "--all")


def test_what_is_asked_for_is_refused_in_words_and_nothing_is_half_done(tiny: TinyCompany, disk: Disk) -> None:
    commit = tiny.commit("back", "two")
    disk.fill()
    for asked in (["submit", "back", commit, "--no-wait"], ["freeze", "--why", "a sale", "--until", "2h"]):
        refused = tiny.twinstage(*asked)
        assert refused.returncode == 4, refused.stdout
        assert "is there room on the disk?" in " ".join(refused.stdout.split())
    for read in ("status", "disk", "history"):
        tiny.done(read)
    assert "MiB left" in " ".join(tiny.twinstage("doctor").stdout.split())
    with Users(tiny.port("back"), {"one"}) as users:
        until(lambda: users.asked > 40, 30, "users to have asked")
    assert not users.failed
    disk.make_room()
    assert "live" in tiny.done("submit", "back", commit)
    assert tiny.twinstage("doctor").returncode == 0


@pytest.mark.parametrize("state", ["building", "canary"])
def test_a_release_on_its_way_waits_for_room_and_arrives(tiny: TinyCompany, disk: Disk, state: str) -> None:
    word = f"in {state}"
    tiny.commit("back", word, verify="import time; time.sleep(3)")
    definition = tiny.home / "back" / "twinstage.yaml"
    definition.write_text(definition.read_text().replace("gates:\n", "build: sleep 3\ngates:\n  unhurried: sleep 3\n"))
    tiny.git("back", "commit", "-q", "-a", "--amend", "--no-edit")
    tiny.done("submit", "back", "--no-wait")
    before = tiny.rollout("back").id
    tiny.comes_to("back", state)
    disk.fill()
    with Users(tiny.port("front"), {"one"}) as users:
        until(lambda: "cannot do its work" in " ".join(tiny.done("status").split()), 60, "it to be told")
        tiny.done("status")
    assert not users.failed
    disk.make_room()
    assert tiny.comes_to("back", "live", 90).id == before
    tiny.answers("back", word)
