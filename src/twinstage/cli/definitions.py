"""Reads the user's files, and tells every mistake in them at once."""

from collections.abc import Iterable
from pathlib import Path

from twinstage.cli import words
from twinstage.cli.exits import Exit, Stop
from twinstage.config.ecosystem import ecosystem
from twinstage.config.problems import Problems
from twinstage.model.policy import EcosystemFile


def read(file: Path) -> bytes:
    """The file's content. Raises Stop (usage) when there is none."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise Stop(Exit.USAGE, f"cannot read {file}: there is no such file", hint=_elsewhere(file)) from None
    except OSError as error:
        raise Stop(Exit.USAGE, f"cannot read {file}: {(error.strerror or str(error)).lower()}") from None


def read_ecosystem(file: Path) -> EcosystemFile:
    """Raises Stop with every mistake in it."""
    text = read(file)
    try:
        return ecosystem(text, str(file), file.absolute().parent)
    except Problems as problems:
        raise mistaken(file, (str(p) for p in problems.problems)) from None


def mistaken(file: Path, mistakes: Iterable[str]) -> Stop:
    found = list(mistakes)
    return Stop(Exit.WAITING, f"{file} has {words.count(len(found), 'mistake')}", detail="\n".join(found))


def _elsewhere(file: Path) -> str:
    if file.name == "ecosystem.yaml":
        return "name the company's file, or go to its directory"
    return "a service's definition is twinstage.yaml, a company's ecosystem.yaml"
