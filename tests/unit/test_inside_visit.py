"""What ends a visit, and the notes by which both sides of it speak."""

import itertools
import os
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from twinstage.inside import quiet, visit
from twinstage.inside.exchange import LONGEST, NoNote, Notes, close
from twinstage.inside.quiet import Look, Quiet, at_terminal, of_processes
from twinstage.inside.visit import Rules

ENDLESS = Rules(longest=3600, idle=3600)
NEVER = Quiet(lambda: None)
"""Where it cannot be told, something happens."""


@pytest.fixture
def sides() -> Iterator[tuple[Notes, Notes]]:
    here, there = (Notes(it) for it in socket.socketpair())
    with closing(here), closing(there):
        yield here, there


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """(life, living, ended, told): the read end and the write end of each."""
    made = (*os.pipe(), *os.pipe())
    yield made
    close(made)


def test_a_visit_ends_with_whatever_ends_first(sides: tuple[Notes, Notes], pipes: tuple[int, int, int, int]) -> None:
    here, there = sides
    life, living, ended, told = pipes
    assert visit._wait(here, life, ended, NEVER, Rules(longest=0.01, idle=3600)) == "longest"
    os.close(living)
    assert visit._wait(here, life, ended, NEVER, ENDLESS) == "down"
    there.hang_up()
    assert visit._wait(here, life, ended, NEVER, ENDLESS) == "left"
    os.write(told, b"0")
    assert visit._wait(here, life, ended, NEVER, ENDLESS) == "", "the command's own end counts before any other"


def test_a_visit_in_which_nothing_happens_is_left(sides: tuple[Notes, Notes], pipes: tuple[int, int, int, int]) -> None:
    still = Quiet(lambda: "as it was")
    assert visit._wait(sides[0], pipes[0], pipes[2], still, Rules(longest=3600, idle=0.05)) == "idle"
    looks = itertools.count()
    busy = Quiet(lambda: next(looks))
    assert visit._wait(sides[0], pipes[0], pipes[2], busy, Rules(longest=0.1, idle=0.01)) == "longest"
    assert next(looks) > 2


def test_it_is_quiet_since_the_first_look_that_found_it_so() -> None:
    seen, now = ["a", "a", "b", "b", None, None, "b", "b"], iter([0.0, 10.0, 20.0, 25.0, 30.0, 40.0, 50.0, 70.0])
    visited = Quiet(iter(seen).__next__, now.__next__)
    assert [visited.seconds() for _ in seen[1:]] == [10.0, 0.0, 5.0, 0.0, 0.0, 0.0, 20.0]


def test_a_terminal_tells_when_it_was_used() -> None:
    ours, theirs = os.openpty()
    try:
        name = os.ttyname(theirs)
        look = at_terminal(name)
        first = look()
        assert look() == first
        os.utime(name, (7, 7))
        assert look() != first
    finally:
        close([ours, theirs])
    assert at_terminal("/nowhere/pts/7")() is None


@pytest.fixture
def proc() -> Iterator[int]:
    opened = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


def test_processes_tell_by_what_they_read_and_write(proc: int) -> None:
    with subprocess.Popen(["/bin/sh", "-c", "cat; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdin
        assert run.stdout
        look = of_processes(proc, run.pid)
        run.stdin.write(b"begun")
        run.stdin.flush()
        assert run.stdout.read(5) == b"begun"
        settled(look)
        before = look()
        assert isinstance(before, dict)
        assert len(before) == 1, "what it has started"
        assert look() == before
        run.stdin.write(b"x")
        run.stdin.flush()
        assert run.stdout.read(1) == b"x"
        assert look() != before
    assert look() == {}, "it has gone"


def settled(look: Look) -> None:
    """Two looks in a row that find the same, with enough time between them for whoever runs still."""
    seen: object = None
    while (now := look()) != seen or not select.select([], [], [], 0.2) or look() != now:
        seen = now


def test_a_kernel_that_does_not_count_is_no_end(proc: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_proc: int, path: str) -> str | None:
        raise PermissionError(path)

    monkeypatch.setattr(quiet, "_read", denied)
    assert of_processes(proc, os.getpid())() is None


def test_descriptors_come_with_the_note_that_they_were_sent_with(sides: tuple[Notes, Notes]) -> None:
    here, there = sides
    reading, writing = os.pipe()
    here.send([writing], ok=True)
    here.send(status=3)
    os.close(writing)
    told, (came,) = there.receive(5)
    assert (told, os.get_inheritable(came)) == ({"ok": True}, False)
    os.write(came, b"through")
    os.close(came)
    assert os.read(reading, 100) == b"through"
    assert os.read(reading, 100) == b""
    assert there.receive(5) == ({"status": 3}, [])
    os.close(reading)


@pytest.mark.parametrize("said", [b"no note\n", b"[1]\n", b"{" * 5000 + b"\n", b"x" * (LONGEST + 1), b"half a", b""])
def test_what_is_no_note_is_told(said: bytes) -> None:
    here, there = socket.socketpair()
    with here, closing(Notes(there)) as notes, pytest.raises(NoNote):
        _send(here, said, notes)


def _send(here: socket.socket, said: bytes, notes: Notes) -> None:
    """More than the socket holds is sent as it is read."""

    def send() -> None:
        try:
            here.sendall(said)
            here.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it has read enough

    sending = threading.Thread(target=send)
    sending.start()
    try:
        notes.receive(5)
    finally:
        notes.close()
        sending.join()
