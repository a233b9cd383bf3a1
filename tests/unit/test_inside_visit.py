"""What ends a visit, and the notes by which both sides of it speak."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from twinstage.inside import visit
from twinstage.inside.exchange import LONGEST, NoNote, Notes, close
from twinstage.inside.visit import Rules

ENDLESS = Rules(longest=3600, idle=3600)


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
    assert visit._wait(here, life, ended, "", Rules(longest=0.01, idle=3600)) == "longest"
    os.close(living)
    assert visit._wait(here, life, ended, "", ENDLESS) == "down"
    there.hang_up()
    assert visit._wait(here, life, ended, "", ENDLESS) == "left"
    os.write(told, b"0")
    assert visit._wait(here, life, ended, "", ENDLESS) == "", "the command's own end counts before any other"


def test_a_terminal_that_nobody_uses_is_left(
    sides: tuple[Notes, Notes], pipes: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "_LOOK", 0.01)
    ours, theirs = os.openpty()
    try:
        name = os.ttyname(theirs)
        long_ago = time.time() - 100
        os.utime(name, (long_ago, long_ago))
        assert visit._wait(sides[0], pipes[0], pipes[2], name, Rules(longest=0.1, idle=200)) == "longest"
        assert visit._wait(sides[0], pipes[0], pipes[2], name, Rules(longest=3600, idle=50)) == "idle"
    finally:
        close([ours, theirs])


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
