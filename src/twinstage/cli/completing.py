"""``twinstage --complete bash WORD...``: what the last of the words could be. The shells' scripts ask it at each Tab.

A person waits for the answer, so it is made with the standard library alone, asks a running company for half a second
at most, and says nothing at all where there is none.
"""

import http.client
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twinstage.cli.choice import chosen
from twinstage.cli.verbs import KNOWN, VERBS, Verb
from twinstage.runtime.local.places import NotOurs, Places, companies

PATIENCE = 0.5
"""Seconds."""
MOST = 200
COMMON = ("--help",)
SAFE = re.compile(r"[A-Za-z0-9_.@-]+")
"""What a shell may be given without quoting."""
FILES, DIRECTORIES = ":files:", ":directories:"
"""Answers that the shell itself completes."""

Choice = tuple[str, str]
"""(word, what it is)"""


def main(arguments: Sequence[str]) -> None:
    """``arguments``: the shell's name, and the words after ``twinstage`` up to the one that is being typed."""
    shell, words = arguments[0], list(arguments[1:]) or [""]
    for word, about in choices(words):
        if word in (FILES, DIRECTORIES) or (word.startswith(words[-1]) and SAFE.fullmatch(word)):
            print(f"{word}\t{about}" if about and shell != "bash" else word)


def choices(words: Sequence[str]) -> Iterator[Choice]:
    """For the last of the words; those that do not begin like it, too."""
    *before, typed = words
    verb = next((word for word in before if not word.startswith("-")), None)
    if verb is None:
        yield from ([("--debug", ""), *((it, "") for it in COMMON)] if typed.startswith("-") else _verbs())
    elif verb in KNOWN:
        yield from _within(KNOWN[verb], before[before.index(verb) + 1 :], typed)


def _verbs() -> Iterator[Choice]:
    return ((verb.name, verb.about) for verb in VERBS)


def _within(verb: Verb, before: Sequence[str], typed: str, load: Callable[[], Any] | None = None) -> Iterator[Choice]:
    load = load or verb.load
    inner = {it.name: it for it in verb.within}
    named = next((word for word in before if word in inner), None)
    if named is not None:
        after = before[before.index(named) + 1 :]
        yield from _within(inner[named], after, typed, lambda: load().commands[named])
    elif inner and not typed.startswith("-"):
        yield from ((name, "") for name in inner)
    else:
        yield from _alone(verb, before, typed, load)


def _alone(verb: Verb, before: Sequence[str], typed: str, load: Callable[[], Any]) -> Iterator[Choice]:
    """``load``: reads the verb's module, so it is only called where its options matter."""
    values = valued(load()) if any(word.startswith("-") for word in before) else {}
    if before and before[-1] in values:
        yield from _values(values[before[-1]], values)
    elif typed.startswith("-"):
        yield from options(load())
    else:
        option = "--company" if "--company" in values else "--ecosystem"
        named = next((value for value, it in _pairs(before) if option in values.get(it, ())), None)
        yield from _positional(verb, named, [word for word, last in _pairs(before) if _stands(word, last, values)])


def _values(option: Sequence[str], every: Mapping[str, Sequence[str]]) -> Iterator[Choice]:
    """Where `--company` names the company, `--ecosystem` is one of its two."""
    if "--company" in option or ("--ecosystem" in option and "--company" not in every):
        yield from _companies()
    elif "--ecosystem" in option:
        yield from (("production", ""), ("staging", ""))


def _positional(verb: Verb, named: str | None, given: Sequence[str]) -> Iterator[Choice]:
    if not verb.takes:
        return
    last = verb.takes[-1]
    repeats = last.endswith("...")
    if len(given) >= len(verb.takes) and not repeats:
        return
    kinds = verb.takes[min(len(given), len(verb.takes) - 1)].removesuffix("...").split("|")
    for kind in kinds:
        if kind in KINDS:
            yield from (choice for choice in KINDS[kind](named) if choice[0] not in given)


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each word with the one before it."""
    return zip(words, ["", *words], strict=False)


def _stands(word: str, before: str, values: Mapping[str, Sequence[str]]) -> bool:
    return not word.startswith("-") and before not in values


def options(command: Any) -> Iterator[Choice]:
    """Its long options."""
    for it in command.params:
        if it.param_type_name == "option":
            yield it.opts[0], (it.help or "").partition(". ")[0]
    yield from ((it, "") for it in COMMON)


def valued(command: Any) -> Mapping[str, Sequence[str]]:
    """Each spelling of the options that take a value -> all its spellings."""
    taking = [it for it in command.params if it.param_type_name == "option" and not it.is_flag]
    return {spelling: it.opts for it in taking for spelling in it.opts}


# ------------------------------------------------------------------------------------------------ a running company


def _services(named: str | None) -> Iterator[Choice]:
    for it in _asked(named, "/v1/services"):
        yield str(it.get("name")), ""


def _rollouts(named: str | None) -> Iterator[Choice]:
    for it in _asked(named, f"/v1/rollouts?open=true&limit={MOST}"):
        yield str(it.get("id")), f"{it.get('service')}, {it.get('state')}, lane {it.get('lane')}"


def _releases(named: str | None) -> Iterator[Choice]:
    told: dict[str, str] = {}
    for it in _asked(named, f"/v1/rollouts?limit={MOST}"):
        if it.get("release"):
            told.setdefault(str(it["release"]), f"{it.get('service')}, {it.get('state')}")
    yield from told.items()


def _instances(named: str | None) -> Iterator[Choice]:
    for it in _asked(named, "/v1/instances"):
        yield str(it.get("id")), f"{it.get('part')}, {it.get('health')}"


def _companies() -> Iterator[Choice]:
    with suppress(NotOurs):
        yield from ((name, "") for name in companies())


def _asked(named: str | None, path: str) -> list[Mapping[str, Any]]:
    """What the company's controller answers; nothing where none is up, or where it takes too long."""
    try:
        running = companies()
        name = chosen(named) or (running[0] if len(running) == 1 else None)
        if name is None:
            return []
        connection = _OverSocket(Places.of(name).api)
    except NotOurs:
        return []
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        found = json.loads(answer.read()) if answer.status == 200 else []
    except (OSError, ValueError, http.client.HTTPException):
        return []  # there is nobody to tell: the person is in the middle of a line
    finally:
        connection.close()
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []


class _OverSocket(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("twinstage", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def _words(*words: str) -> Callable[[str | None], Iterator[Choice]]:
    return lambda _: ((word, "") for word in words)


KINDS: Mapping[str, Callable[[str | None], Iterator[Choice]]] = {
    "service": _services,
    "rollout": _rollouts,
    "release": _releases,
    "instance": _instances,
    "phase": _words("development", "staging", "canary"),
    "shell": _words("bash", "zsh", "fish"),
    "boundary": _words("prove", "suggest"),
    "schema": _words("service", "ecosystem"),
    "command": _words(),
    "file": _words(FILES),
    "directory": _words(DIRECTORIES),
}
