"""One value of a document on its way to a meaning.

Every reading returns the meaning, or reports a problem and returns None.
Reading goes on after a problem, so that one look shows them all.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from twinstage.config.document import Listing, Node, Scalar, Table, describe
from twinstage.config.problems import Report, listed, nearest

LONGEST_TEXT = 8 * 1024

_SPAN = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_SIZE = re.compile(r"(\d{1,12})(K|M|G)(?:iB|B)?", re.ASCII)
_UNITS = {"K": 10, "M": 20, "G": 30}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a word must look like."""

    pattern: re.Pattern[str]
    words: str
    """The same for people."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A node, where it is, and where its problems go."""

    node: Node
    path: str
    report: Report

    def wrong(self, message: str, right: str = "") -> None:
        self.report.add(self.node.line, self.path, message, right)

    def mistyped(self, right: str) -> None:
        self.wrong(f"is {describe(self.node)}", right)

    def text(self, right: str, most: int = LONGEST_TEXT) -> str | None:
        """Not empty; lines and tabs are legal, other control characters are not. ``right``: what to write instead."""
        if not isinstance(self.node, Scalar) or self.node.kind != "text":
            meant = isinstance(self.node, Scalar) and self.node.kind in ("number", "truth")
            self.mistyped(f"{right}, in quotes" if meant else right)
            return None
        return self._plain(self.node.text, right, most)

    def scalar(self, right: str, most: int = LONGEST_TEXT) -> str | None:
        """Any single value as it is written, so ``1.10`` stays that. May be the empty text, but not nothing."""
        if not isinstance(self.node, Scalar) or self.node.kind == "nothing":
            self.mistyped(right)
            return None
        return self._plain(self.node.text, right, most) if self.node.text else ""

    def _plain(self, text: str, right: str, most: int) -> str | None:
        control = _CONTROL.search(text)
        if not text.strip():
            self.wrong("is empty", right)
        elif control is not None:
            self.wrong(f"has a control character (U+{ord(control.group()):04X})", "remove it")
        elif len(text.encode()) > most:
            self.wrong(f"has {len(text.encode())} bytes", f"at most {most}")
        else:
            return text
        return None

    def word(self, rule: Rule) -> str | None:
        """One word that keeps ``rule``. A number or truth is taken as written: a branch may be called 2."""
        text = self.scalar(f"write {rule.words}")
        if text is None:
            return None
        if rule.pattern.fullmatch(text) is None:
            self.wrong(f"{text!r} cannot be used", f"write {rule.words}")
            return None
        return text

    def whole(self, low: int, high: int) -> int | None:
        """A whole number, both bounds included."""
        right = f"write a whole number from {low} to {high}"
        if not isinstance(self.node, Scalar) or self.node.kind != "number":
            self.mistyped(right)
            return None
        if re.fullmatch(r"-?\d{1,9}", self.node.text) is None or not low <= int(self.node.text) <= high:
            self.wrong(f"is {self.node.text}", right)
            return None
        return int(self.node.text)

    def span(self, low: timedelta, high: timedelta) -> timedelta | None:
        """A duration: ``30s``, ``10m``, ``1h30m``, ``2d``; both bounds included."""
        right = 'write a duration such as "30s", "10m" or "1h30m"'
        if not isinstance(self.node, Scalar) or self.node.kind not in ("text", "number"):
            self.mistyped(right)
            return None
        span = spanned(self.node.text)
        if span is None:
            self.wrong(f"{self.node.text!r} is not a duration", right)
            return None
        if not low <= span <= high:
            self.wrong(f"is {self.node.text}", f"write a duration from {spelled(low)} to {spelled(high)}")
            return None
        return span

    def size(self, low: int, high: int) -> int | None:
        """Bytes: ``64M``, ``512M``, ``2G``; both bounds included."""
        right = 'write a size such as "64M", "512M" or "2G"'
        if not isinstance(self.node, Scalar) or self.node.kind not in ("text", "number"):
            self.mistyped(right)
            return None
        found = _SIZE.fullmatch(self.node.text)
        if found is None:
            self.wrong(f"{self.node.text!r} is not a size", right)
            return None
        size = int(found[1]) << _UNITS[found[2]]
        if not low <= size <= high:
            self.wrong(f"is {self.node.text}", f"write a size from {sized(low)} to {sized(high)}")
            return None
        return size

    def choice(self, options: Sequence[str]) -> str | None:
        text = self.node.text if isinstance(self.node, Scalar) else None
        if text in options:
            return text
        close = nearest(text, options) if text else None
        said = f"is {text!r}" if text else f"is {describe(self.node)}"
        self.wrong(said, f"did you mean {close}?" if close else f"write {listed(options)}")
        return None

    def items(self, right: str) -> list["Value"]:
        """The items of a list; none when it is not a list, which is reported."""
        if not isinstance(self.node, Listing):
            self.mistyped(right)
            return []
        return [
            Value(node=item, path=f"{self.path}[{index}]", report=self.report)
            for index, item in enumerate(self.node.items)
        ]

    def words(
        self, rule: Rule, right: str, fits: "Callable[[Value, str], bool]" = lambda _item, _word: True
    ) -> tuple[str, ...]:
        """A list of words, each once. ``fits``: may this word stand there? It reports it where it may not."""
        words: list[str] = []
        for item in self.items(right):
            word = item.word(rule)
            if word is None:
                continue
            if word in words:
                item.wrong(f"{word} stands twice", "keep one of them")
            elif fits(item, word):
                words.append(word)
        return tuple(words)

    def table(
        self, right: str, known: Collection[str] | None = None, later: Collection[str] = ()
    ) -> "Mapping[str, Value] | None":
        """Its values by key; None when it is not a mapping, which is reported. ``known`` None: any key.

        A key that is not known is reported with the nearest that is; one of ``later`` as not there yet.
        """
        if not isinstance(self.node, Table):
            self.mistyped(right)
            return None
        values: dict[str, Value] = {}
        for key, node in self.node.entries:
            path = f"{self.path}.{key.text}" if self.path else key.text
            if known is None or key.text in known:
                values[key.text] = Value(node=node, path=path, report=self.report)
            elif key.text in later:
                self.report.add(key.line, path, f"not yet: {key.text} comes with a later version", "remove it")
            else:
                close = nearest(key.text, known)
                meant = f"did you mean {close}?" if close else f"known here: {', '.join(known)}"
                self.report.add(key.line, path, "unknown key", meant)
        return values

    def named(self, rule: Rule, right: str) -> "Mapping[str, Value]":
        """A mapping whose keys are words of the user's own that keep ``rule``."""
        values: dict[str, Value] = {}
        for name, value in (self.table(right) or {}).items():
            if rule.pattern.fullmatch(name) is None:
                value.wrong(f"{name!r} cannot be a name here", f"write {rule.words}")
            else:
                values[name] = value
        return values


def spanned(text: str) -> timedelta | None:
    """What ``1h30m`` means; None where it is no duration."""
    found = _SPAN.fullmatch(text)
    if found is None or not text:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def sized(size: int) -> str:
    """As a person would write it in the file: ``512M``."""
    for unit, shift in (("G", 30), ("M", 20), ("K", 10)):
        if size >> shift and not size % (1 << shift):
            return f"{size >> shift}{unit}"
    return str(size)


def spelled(span: timedelta) -> str:
    """As a person would write it in the file: ``1h30m``."""
    left = int(span.total_seconds())
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
