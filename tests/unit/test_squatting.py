"""Somebody else on this machine was first where a company's sockets belong: nothing is said to whatever listens there."""

import io
import os
import socket
import sys
from pathlib import Path

import pytest
from face_shell import Shell

from twinstage.cli import completing
from twinstage.runtime.local import places
from twinstage.runtime.local.places import NotOurs, Places, companies

VERBS = (
    ("status",),
    ("secret", "set", "orders", "KEY", "--ecosystem", "production"),
    ("submit", "orders"),
    ("down",),
    ("doctor",),
)


@pytest.fixture
def squatted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A socket of another user's, listening as the API of the only company that there seems to be."""
    root = tmp_path / "r"
    (root / "shop" / "api").mkdir(parents=True)
    monkeypatch.setattr(places, "socket_root", lambda: root)
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(root).st_uid + 7)  # noqa: PTH116
    monkeypatch.chdir(root / "shop" / "api")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("api.sock")
    listening.listen()
    listening.setblocking(False)
    return listening


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_no_verb_speaks_to_it(
    squatted: socket.socket, shell: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for more in ((), ("-e", "shop")) if words[0] != "secret" else ((), ("-c", "shop")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the secret")))
        said = shell(*words, *more)
        assert said.status == 4, said.err
        assert "and so is whatever answers there" in said.err.replace("\n", " ")
    with pytest.raises(BlockingIOError):
        squatted.accept()
    squatted.close()


def test_completion_says_nothing(squatted: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("status", ""), ("status", "-e", ""), ("logs", "-e", "shop", "")):
        completing.main(["bash", *words])
    assert capsys.readouterr().out == ""
    with pytest.raises(BlockingIOError):
        squatted.accept()
    squatted.close()


def test_a_link_to_a_directory_of_ours_is_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    monkeypatch.setattr(places, "socket_root", lambda: tmp_path / "link")
    mine = (tmp_path / "link").lstat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: mine or 1)
    with pytest.raises(NotOurs):
        Places.of("shop")
    with pytest.raises(NotOurs):
        companies()
