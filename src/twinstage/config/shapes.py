"""What may stand at a key of the user's files, as data: said as JSON Schema to editors, and in words to people.

A shape says what one value can be by itself. What only two values together can have wrong (staging above production, a
bake above the longest canary) and what needs the company's other files is the reader's alone. ``tests/unit/test_schema.py``
holds the reader and the shapes to each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from twinstage.config.value import LONGEST_TEXT, Rule, sized, spelled

Schema = dict[str, Any]

PLAIN = r"[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*"
SPAN = r"^(?=\S)(?:[0-9]{1,6}d)?(?:[0-9]{1,6}h)?(?:[0-9]{1,6}m)?(?:[0-9]{1,6}s)?$"
SIZE = r"^[0-9]{1,12}[KMG](?:iB|B)?$"
SCALAR = ["string", "number", "boolean"]
"""A value that is taken as it is written may look like a number."""


class Shape(Protocol):
    @property
    def words(self) -> str:
        """The kind of value: ``whole number``."""
        ...

    @property
    def bounds(self) -> str:
        """What it must keep; empty where everything of its kind is fine."""
        ...

    def schema(self) -> Schema: ...


@dataclass(frozen=True, kw_only=True)
class Text:
    """Not empty, without control characters."""

    words: str = "text"
    most: int = LONGEST_TEXT

    @property
    def bounds(self) -> str:
        return f"{self.most // 1024} KiB"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": rf"^(?=[\s\S]*\S){PLAIN}$", "maxLength": self.most}


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Any single value, as it is written; the empty text too."""

    words: str = "one value"
    most: int

    @property
    def bounds(self) -> str:
        return f"{self.most // 1024} KiB"

    def schema(self) -> Schema:
        return {"type": SCALAR, "pattern": f"^{PLAIN}$", "maxLength": self.most}


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word that keeps a rule, and is none of ``but``."""

    rule: Rule
    words: str = "name"
    but: frozenset[str] = frozenset()

    @property
    def bounds(self) -> str:
        return self.rule.words + (f"; not {_listed(self.but)}" if self.but else "")

    def schema(self) -> Schema:
        takes = self.rule.pattern.fullmatch
        kinds = ["string", *(["number"] if takes("2") else []), *(["boolean"] if takes("true") else [])]
        found: Schema = {"type": kinds[0] if len(kinds) == 1 else kinds, "pattern": anchored(self.rule)}
        return found | ({"not": {"enum": sorted(self.but)}} if self.but else {})


@dataclass(frozen=True, kw_only=True)
class Whole:
    low: int
    high: int
    words: str = "whole number"

    @property
    def bounds(self) -> str:
        return f"{self.low} to {self.high}"

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, kw_only=True)
class Span:
    """A duration. Its bounds are beyond a schema."""

    low: timedelta
    high: timedelta
    words: str = "duration"

    @property
    def bounds(self) -> str:
        return f"{spelled(self.low)} to {spelled(self.high)}"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": SPAN}


@dataclass(frozen=True, kw_only=True)
class Size:
    """Bytes, written ``512M``. Its bounds are beyond a schema."""

    low: int
    high: int
    words: str = "size"

    @property
    def bounds(self) -> str:
        return f"{sized(self.low)} to {sized(self.high)}"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": SIZE}


@dataclass(frozen=True, kw_only=True)
class Choice:
    options: Sequence[str]
    words: str = "word"

    @property
    def bounds(self) -> str:
        return ", ".join(f"`{option}`" for option in self.options)

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.options)}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Each once. ``with_`` has to be among them."""

    of: Shape
    words: str
    least: int = 0
    with_: int | None = None
    bounds: str = ""

    def schema(self) -> Schema:
        found: Schema = {"type": "array", "items": self.of.schema(), "uniqueItems": True}
        found |= {"minItems": self.least} if self.least else {}
        return found | ({"contains": {"const": self.with_}} if self.with_ is not None else {})


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """The key alone."""

    words: str = "nothing"
    bounds: str = ""

    def schema(self) -> Schema:
        return {"type": "null"}


@dataclass(frozen=True, kw_only=True)
class Either:
    of: tuple[Shape, ...]
    words: str
    bounds: str = ""

    def schema(self) -> Schema:
        return {"anyOf": [shape.schema() for shape in self.of]}


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a table."""

    shape: Shape
    about: str
    """What it is, for people: Markdown, shown beside it by editors and in the reference."""
    default: str = ""
    """What holds where it is left out. Empty: it is required, as far as ``required`` says so."""
    required: bool = False
    example: str = ""
    """Right of its colon, in YAML."""
    note: str = ""
    """A few words, beside the example."""

    def schema(self) -> Schema:
        return {"description": self.about, **self.shape.schema()}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A mapping of these keys and no others."""

    keys: Mapping[str, Key]
    words: str = "mapping"
    bounds: str = ""

    def schema(self) -> Schema:
        needed = [name for name, key in self.keys.items() if key.required]
        found: Schema = {"type": "object", "additionalProperties": False}
        found |= {"required": needed} if needed else {}
        return found | {"properties": {name: key.schema() for name, key in self.keys.items()}}


@dataclass(frozen=True, kw_only=True)
class Named:
    """A mapping whose keys are names of the user's own, none of ``but`` and none that begins with ``reserved``."""

    rule: Rule
    of: Shape
    words: str = "mapping"
    bounds: str = ""
    but: frozenset[str] = field(default=frozenset())
    reserved: str = ""
    least: int = 0
    most: int | None = None

    def schema(self) -> Schema:
        beginning = f"(?!{self.reserved})" if self.reserved else ""
        names: Schema = {"pattern": anchored(self.rule, beginning)}
        names |= {"not": {"enum": sorted(self.but)}} if self.but else {}
        found: Schema = {"type": "object", "propertyNames": names, "additionalProperties": self.of.schema()}
        found |= {"minProperties": self.least} if self.least else {}
        return found | ({"maxProperties": self.most} if self.most is not None else {})


def anchored(rule: Rule, beginning: str = "") -> str:
    """Patterns of a schema are found anywhere in a text; those of rules are the whole text."""
    return f"^{beginning}(?:{rule.pattern.pattern})$"


def _listed(names: frozenset[str]) -> str:
    return " or ".join(f"`{name}`" for name in sorted(names))
