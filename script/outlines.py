"""The user's two files as Markdown: an annotated example of each, and every key with what it allows and means."""

import json
from collections.abc import Iterator
from typing import Any

from faces import table
from ruamel.yaml import YAML

from twinstage.config.outlines.company import ECOSYSTEM, ENTRY, LIMITS, STANDARD
from twinstage.config.outlines.service import SERVICE
from twinstage.config.shapes import Key, Shape, Table

TITLES = ("key", "type", "default", "bounds", "what it is")
WIDEST = 70
"""Of an example's line, without what is said beside it."""


def definition_example() -> str:
    return f"```yaml\n{_example(SERVICE)}```\n"


def ecosystem_example() -> str:
    return f"```yaml\n{_example(ECOSYSTEM)}```\n"


def definition_keys() -> str:
    return table(TITLES, list(_rows(SERVICE)))


def ecosystem_keys() -> str:
    keys = {name: key for name, key in ECOSYSTEM.keys.items() if key.shape is not STANDARD}
    rows = list(_rows(Table(keys=keys)))
    at = next(number for number, row in enumerate(rows) if row[0] == "`services`") + 1
    return table(TITLES, [*rows[:at], *_rows(ENTRY, "services.NAME."), *rows[at:]])


def standard_keys() -> str:
    return table(TITLES, list(_rows(STANDARD)))


def _rows(of: Table, before: str = "") -> Iterator[tuple[str, ...]]:
    for name, key in of.keys.items():
        if key.shape is LIMITS:  # durations all: their own table says how long and of what
            yield from _rows(Table(keys={"lanes": LIMITS.keys["lanes"]}), f"{before}{name}.")
            some = next(iter(LIMITS.keys.values()))
            yield (
                f"`{before}{name}.*`",
                some.shape.words,
                "see below",
                _bounds(some.shape),
                "how long something may take",
            )
        elif isinstance(key.shape, Table) and not key.required:
            yield from _rows(key.shape, f"{before}{name}.")
        else:
            default = "required" if key.required else key.default
            yield f"`{before}{name}`", key.shape.words, default, _bounds(key.shape), key.about


def _bounds(shape: Shape) -> str:
    if isinstance(shape, Table):
        return " and ".join(f"`{name}`" for name in shape.keys)
    return shape.bounds


def _example(of: Table) -> str:
    written = list(_lines(of))
    column = max(len(line) for line, _ in written if len(line) <= WIDEST) + 2
    return "".join(f"{line:{column}}# {note}\n" if note else f"{line}\n" for line, note in written)


def _lines(of: Table, indent: str = "") -> Iterator[tuple[str, str]]:
    """(line, what is said beside it)"""
    for name, key in of.keys.items():
        if not key.example and isinstance(key.shape, Table):
            yield f"{indent}{name}:", key.note
            yield from _lines(key.shape, f"{indent}  ")
        else:
            yield from _line(name, key, indent)


def _line(name: str, key: Key, indent: str) -> Iterator[tuple[str, str]]:
    line = f"{indent}{name}: {key.example}"
    read = YAML(typ="safe", pure=True).load(key.example)
    if len(line) <= WIDEST or not isinstance(read, dict):
        yield line, key.note
        return
    yield f"{indent}{name}:", key.note
    yield from ((f"{indent}  {inner}: {_flow(value)}", "") for inner, value in read.items())


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    plain = (
        isinstance(value, str)
        and not set(value) & set(",:{}[]#*&")
        and YAML(typ="safe", pure=True).load(value) == value
    )
    return json.dumps(value) if isinstance(value, str) and not plain else str(value)
