"""What others wrote, so that a terminal shows it instead of obeying it. Pure: text in, text out.

Commit messages, branches, logs, names that were asked for: hostile services and repositories choose them. A control
character in them could clear the screen, draw a verdict of its own over ours, or type an answer for the person (a
terminal answers some of them on its input). So each is shown as what it is: ``\\x1b``, ``\\u202e``.
"""

import re

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""They turn the order of what is read around: what stands on the screen is not what is in the file."""
_UNSEEN = "\u200b\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e007f"
"""No width at all, or the end of a line to some readers and not to others."""
_HALVES = "\ud800-\udfff"
"""Halves of a pair cannot even be written as UTF-8."""
_CONTROL = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}{_UNSEEN}{_HALVES}]")
_CONTROL_OR_END = re.compile(rf"[\x00-\x08\x0a-\x1f\x7f-\x9f{_BIDI}{_UNSEEN}{_HALVES}]")
_IN_JSON = re.compile(rf"[\x7f-\x9f{_BIDI}{_UNSEEN}]")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


def visible(text: str) -> str:
    """Every control character written out; the ends of lines and tabs stay."""
    return _CONTROL.sub(_named, text)


def one_line(text: str) -> str:
    """The same where each line is a message of its own: nobody else may begin one."""
    return _CONTROL_OR_END.sub(_named, text)


def spoken(text: str) -> str:
    """A line of a program's log. Its colours are dropped: that many programs have, and it says nothing."""
    return one_line(_COLOUR.sub("", text.removesuffix("\r")))


def in_json(text: str) -> str:
    """A JSON document, the same to every reader, without what a terminal would obey. C0 is written out in JSON anyway."""
    return _IN_JSON.sub(_escaped, text)


def _named(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
