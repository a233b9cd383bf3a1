"""``twinstage init``"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import output
from twinstage.config import schema as schemas
from twinstage.config.definition import FILE, definition
from twinstage.draft.code import SOURCES
from twinstage.draft.guess import Guess, Survey, Texts
from twinstage.draft.survey import survey
from twinstage.draft.text import text

_SKIPPED = {"node_modules", "venv", "__pycache__", "build", "dist", "target", "vendor", "site-packages"}
_NAMES = {"Procfile", "Dockerfile", "uv.lock", "poetry.lock", "pytest.ini", "ruff.toml", ".flake8"}
_SUFFIXES = (*SOURCES, ".toml", ".txt", ".json")
_MOST_FILES, _MOST_BYTES = 3000, 256 * 1024


def init(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The repository. Default: here.", show_default=False)
    ] = None,
) -> None:
    """Write a first twinstage.yaml for a repository from what it finds there, and say what it guessed.

    Nothing is run, and a file that is there already is never overwritten.
    """
    where = directory or Path()
    if not where.is_dir():
        raise Stop(Exit.USAGE, f"cannot look at {where}: it is no directory")
    path = where / FILE
    if path.exists():
        hint = f"`twinstage check {path}` reads it; move it away to begin anew"
        raise Stop(Exit.WAITING, f"cannot write {path}: there is one already", hint=hint)
    found = survey(_texts(where), where.resolve().name)
    written = text(found)
    definition(written, FILE)  # what we write is valid, whatever was found
    schema = where / schemas.place(schemas.File.SERVICE)
    try:
        with path.open("x") as file:
            file.write(written)
        schema.write_text(schemas.text(schemas.File.SERVICE))
    except OSError as error:
        at = error.filename or path
        raise Stop(Exit.TROUBLE, f"cannot write {at}: {(error.strerror or str(error)).lower()}") from None
    _tell(path, schema, found)


def _tell(path: Path, schema: Path, found: Survey) -> None:
    console = output()
    console.print(f"wrote {escape(str(path))}, and {escape(schema.name)} beside it for editors:", soft_wrap=True)
    for key, guess in _guesses(found):
        mark = "[warn]?[/]" if guess.look else "[good]✔[/]"
        console.print(f"  {mark} {key}: {escape(guess.value)} [quiet]({escape(guess.why)})[/]", soft_wrap=True)
        if guess.look:
            console.print(f"      look: {escape(guess.look)}", soft_wrap=True)
    for note in [*_missing(found), *found.notes]:
        console.print(f"  [warn]![/] {escape(note)}", soft_wrap=True)
    entry = f"{found.service.value}: {{repository: PATH/TO/{path.resolve().parent.name}}}"
    console.print(f"[busy]→[/] read it, then `twinstage check {escape(str(path))}`; commit it; and in ecosystem.yaml:")
    console.print(f"    services:\n      {escape(entry)}")


def _guesses(found: Survey) -> Iterator[tuple[str, Guess]]:
    named = {"service": found.service, "build": found.build, "run": found.run, "port": found.port}
    named |= {"health": found.health, "verify": found.verify}
    yield from ((key, guess) for key, guess in named.items() if guess is not None)
    yield from (("depends_on", guess) for guess in found.depends_on)
    yield from ((f"gates.{gate}", guess) for gate, guess in found.gates.items())


def _missing(found: Survey) -> Iterator[str]:
    if found.run is None:
        yield "nothing says how the service is started: write `run`"
    if found.verify is None:
        yield "no tests for staging were found (tests/staging): without `verify` a candidate only has to be healthy there"
    for gate in ("lint", "unit", "integration"):
        if gate not in found.gates:
            yield f"no command for the gate {gate} was found: the standard refuses a release without it"


def _texts(where: Path) -> Texts:
    """The repository's text files, as many as are worth reading. What cannot be read is left out."""
    found: dict[str, str] = {}
    for place, directories, files in os.walk(where):
        directories[:] = sorted(d for d in directories if d not in _SKIPPED and not d.startswith("."))
        for name in sorted(files):
            path = Path(place) / name
            if not (name in _NAMES or name.endswith(_SUFFIXES)) or path.is_symlink():
                continue
            try:
                if path.stat().st_size <= _MOST_BYTES or name in _NAMES:
                    found[path.relative_to(where).as_posix()] = path.read_text("utf-8", "replace")
            except OSError:
                continue  # somebody else's, perhaps: it says nothing then
            if len(found) >= _MOST_FILES:
                return found
    return found
