"""YAML text as a tree of nodes that know their lines. Plain data only: no tags, and never more than a person writes.

Built from the parser's events, so that the bounds hold before anything is built from the text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from twinstage.config.problems import Report

MOST_BYTES = 256 * 1024
MOST_NODES = 20_000
"""Counted with aliases written out: ten lines of aliases can otherwise stand for a billion nodes."""
DEEPEST = 20

_KINDS = {"str": "text", "int": "number", "float": "number", "bool": "truth", "null": "nothing"}


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """``text`` is as written (quotes and escapes resolved): ``007`` stays ``007``."""

    line: int
    text: str
    kind: str
    """``text`` | ``number`` | ``truth`` | ``nothing`` | ``other`` (a date)."""
    weight: int = 1


@dataclass(frozen=True, kw_only=True)
class Listing:
    line: int
    items: tuple["Node", ...]
    weight: int


@dataclass(frozen=True, kw_only=True)
class Table:
    line: int
    entries: tuple[tuple[Scalar, "Node"], ...]
    """In the file's order; keys are unique."""
    weight: int


Node = Scalar | Listing | Table


class _Refused(Exception):
    """Reading stops here: what follows could not be understood, or is too much."""

    def __init__(self, line: int, message: str, right: str) -> None:
        super().__init__(message)
        self.line, self.message, self.right = line, message, right


def document(text: str | bytes, report: Report) -> Table | None:
    """The top mapping; None when there is none, with the cause in ``report``. Duplicate keys are reported too."""
    try:
        read = _Builder(_decoded(text), report).document()
    except _Refused as refused:
        report.add(refused.line, "", refused.message, refused.right)
        return None
    if not isinstance(read, Table):
        empty = read is None or (isinstance(read, Scalar) and read.kind == "nothing")
        message = "the file is empty" if empty else f"the file is {describe(read)}"
        report.add(1, "", message, 'write a mapping: "key: value" lines')
        return None
    return read


def describe(node: Node | None) -> str:
    """What a node is, for people."""
    if isinstance(node, Listing):
        return "a list"
    if isinstance(node, Table):
        return "a mapping"
    if node is None or node.kind == "nothing":
        return "empty"
    return {"text": "a text", "number": "a number", "truth": "true or false"}.get(node.kind, "a date")


def _decoded(given: str | bytes) -> str:
    """UTF-8 text of a bounded size, without control characters."""
    raw = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    if len(raw) > MOST_BYTES:
        raise _Refused(0, f"the file has {len(raw)} bytes", f"at most {MOST_BYTES} are read")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _Refused(line, "this is not UTF-8 text", "save the file as UTF-8") from None
    for number, written in enumerate(text.split("\n"), start=1):
        strange = next((character for character in written.rstrip("\r") if _unprintable(character)), None)
        if strange is not None:
            raise _Refused(number, f"a control character (U+{ord(strange):04X})", "remove it, or write it as an escape")
    return text


def _unprintable(character: str) -> bool:
    code = ord(character)
    return (
        (code < 0x20 and character != "\t")
        or 0x7F <= code < 0xA0
        or 0xD800 <= code < 0xE000
        or code in (0xFFFE, 0xFFFF)
    )


class _Builder:
    """One pass over the events."""

    def __init__(self, text: str, report: Report) -> None:
        self._report = report
        self._resolver = VersionedResolver()
        self._events = self._guarded(text)
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def _guarded(self, text: str) -> Iterator[events.Event]:
        yaml = YAML(typ="rt", pure=True)
        try:
            yield from yaml.parse(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark is not None else 0
            since = error.context_mark
            opened = f" (begun in line {since.line + 1})" if since is not None and since.line + 1 != line else ""
            while_ = f" {error.context}{opened}" if error.context else ""
            message = f"this is not YAML: {error.problem}{while_}"
            raise _Refused(line, message, "check quotes, colons and indentation here") from None
        except YAMLError as error:
            raise _Refused(0, f"this is not YAML: {error}", "") from None

    def document(self) -> Node | None:
        read: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(event.start_mark.line + 1, "a second document begins here", "one file, one document")
            elif isinstance(event, events.NodeEvent):
                read = self._node(event, "", 0)
        return read

    def _node(self, event: events.Event, path: str, depth: int) -> Node:
        line = event.start_mark.line + 1
        if depth > DEEPEST:
            raise _Refused(line, "nested too deep", f"at most {DEEPEST} levels are read")
        if isinstance(event, events.AliasEvent):
            return self._alias(event, line)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _Refused(line, f"the tag {tag} is not read here", "write plain values")
        self._count(line, 1)
        anchor: str | None = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, events.ScalarEvent):
            node: Node = self._scalar(event, line)
        elif isinstance(event, events.SequenceStartEvent):
            node = self._listing(line, path, depth)
        else:
            node = self._table(line, path, depth)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _count(self, line: int, weight: int) -> None:
        self._nodes += weight
        if self._nodes > MOST_NODES:
            raise _Refused(line, f"the file has more than {MOST_NODES} values", "aliases count as written out")

    def _alias(self, event: events.AliasEvent, line: int) -> Node:
        name = event.anchor
        if name not in self._anchors:
            raise _Refused(line, f"the alias *{name} has no anchor before it", f"mark a value with &{name} first")
        node = self._anchors[name]
        if node is None:
            raise _Refused(line, f"the alias *{name} stands inside its own anchor", "write the value out")
        self._count(line, node.weight)
        return node

    def _scalar(self, event: events.ScalarEvent, line: int) -> Scalar:
        tag = str(self._resolver.resolve(ScalarNode, event.value, event.implicit))
        return Scalar(line=line, text=event.value, kind=_KINDS.get(tag.rpartition(":")[2], "other"))

    def _listing(self, line: int, path: str, depth: int) -> Listing:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, events.SequenceEndEvent):
                break
            items.append(self._node(event, f"{path}[{len(items)}]", depth + 1))
        return Listing(line=line, items=tuple(items), weight=1 + sum(item.weight for item in items))

    def _table(self, line: int, path: str, depth: int) -> Table:
        entries: dict[str, tuple[Scalar, Node]] = {}
        weight = 1
        for event in self._events:
            if isinstance(event, events.MappingEndEvent):
                break
            key = self._node(event, path, depth + 1)
            name = key.text if isinstance(key, Scalar) else ""
            place = f"{path}.{name}" if path else name
            value = self._node(next(self._events), place, depth + 1)
            if isinstance(value, Scalar) and value.kind == "nothing":
                value = replace(value, line=key.line)  # an empty value is noticed where the next one begins
            weight += key.weight + value.weight
            if not isinstance(key, Scalar):
                self._report.add(key.line, path, f"a key is {describe(key)}", "keys are texts")
            elif name == "<<":
                self._report.add(key.line, place, "merge keys are not read here", "write the keys out")
            elif name in entries:
                first = entries[name][0].line
                self._report.add(key.line, place, f"stands twice, first in line {first}", "keep one of them")
            else:
                entries[name] = (key, value)
        return Table(line=line, entries=tuple(entries.values()), weight=weight)
