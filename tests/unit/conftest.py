"""A shell and a company behind a real socket, for tests of the command line."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from face_company import Company, Served
from face_shell import Said, Shell

from twinstage.cli import following, main
from twinstage.runtime.local import places


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    """Runs one command as a shell would; piped, in a directory without definitions."""
    for name in ("TWINSTAGE_ECOSYSTEM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(following, "EVERY", 0.01)
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")

    def run(*args: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["twinstage", *args])
        capsys.readouterr()
        status = main.run()
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as running:
        yield running


@pytest.fixture
def company(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    made = Company(tmp_path)
    served.show(made)
    monkeypatch.setattr(places, "socket_root", lambda: served.root)
    yield made
    made.store.close()


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "socket_root", lambda: tmp_path / "none")
