"""All guesses about a repository."""

import re
from collections.abc import Mapping

from twinstage.config import rules
from twinstage.draft import code, hints, node, python
from twinstage.draft.guess import Guess, Survey, Texts

STANDARD = ("lint", "unit", "integration")
"""What a company's standard asks for unless it says otherwise; ``review`` is read from the commit."""


def survey(texts: Texts, folder: str) -> Survey:
    """``texts``: the repository's text files; ``folder``: its directory's name."""
    service = _name(python.name(texts) or node.name(texts) or Guess(value=folder, why="the directory's name"))
    known = (hints.procfile(texts), python.run(texts), node.run(texts), hints.dockerfile(texts))
    run = next((guess for guess in known if guess is not None and _usable(guess.value)), None)
    port, notes = code.port(texts, run.value if run else "")
    depends_on = code.neighbours(texts, service.value)
    given = frozenset(rules.variable_for(guess.value) for guess in depends_on)
    settings = code.settings(texts, given)
    return Survey(
        service=service,
        build=python.build(texts) or node.build(texts),
        run=run,
        port=port or _exposed(texts, run),
        health=code.health(texts),
        verify=python.verify(texts),
        gates=_gates(texts),
        depends_on=depends_on,
        settings=settings,
        notes=(*notes, *code.made_up(texts), *code.addresses(texts), *_later(settings)),
    )


def _usable(command: str) -> bool:
    return command.isprintable() and bool(command.strip())


def _name(found: Guess) -> Guess:
    name = re.sub(r"[^a-z0-9]+", "-", found.value.lower()).strip("-").lstrip("0123456789-")[:30].strip("-")
    if not name or name in rules.RESERVED_SERVICES:
        return Guess(value="service", why="no usable name was found", look="give it its name")
    changed = "" if name == found.value else f"{found.value} is no name for a service; is this one right?"
    return Guess(value=name, why=found.why, look=changed)


def _exposed(texts: Texts, run: Guess | None) -> Guess | None:
    """The image's port, where nothing else says that the program takes another."""
    number = hints.exposed(texts)
    reads = "PORT" in code.variables(texts) or run is None or "$PORT" in run.value
    if number is None or reads or not 0 < int(number) <= rules.HIGHEST_PORT:
        return None
    return Guess(value=number, why="EXPOSE in Dockerfile", look="does the program listen there whatever PORT says?")


def _gates(texts: Texts) -> Mapping[str, Guess]:
    return {**node.gates(texts), **python.gates(texts)}


def _later(settings: tuple[Guess, ...]) -> tuple[str, ...]:
    return tuple(
        f"{guess.value} looks like a secret or a database ({guess.why}): it is not for this file"
        for guess in settings
        if code.secret(guess.value)
    )
