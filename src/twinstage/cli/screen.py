"""Where output goes, and how it looks: colours live in a terminal, plain lines anywhere else.

All that is printed goes through ``Screen`` or is put into words by ``visible.py``: what others wrote is data here. It
has no markup, and nothing in it is obeyed by a terminal.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import rich.text
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme

from twinstage.cli.visible import in_json, visible

if TYPE_CHECKING:
    from pydantic import BaseModel

THEME = Theme(
    {
        "good": "green",
        "bad": "bold red",
        "busy": "cyan",
        "warn": "yellow",
        "quiet": "dim",
        "name": "bold",
        "id": "magenta",
    },
    inherit=True,
)


class Text(rich.text.Text):
    """Of what others wrote, too: control characters are written out before anything is measured or folded.

    Rich's own takes some of them away unseen and leaves the rest, escape among them, as it is.
    """

    def __init__(self, text: str = "", style: str | Style = "", **more: Any) -> None:
        super().__init__(visible(text), style, **more)

    def append(self, text: "rich.text.Text | str", style: str | Style | None = None) -> "Text":
        super().append(visible(text) if isinstance(text, str) else text, style)
        return self

    def append_text(self, text: rich.text.Text) -> "Text":
        super().append_text(text)
        return self

    def join(self, lines: Iterable[rich.text.Text]) -> "Text":
        kept = Text(justify=self.justify, overflow=self.overflow, no_wrap=self.no_wrap, end=self.end)
        return kept.append_text(super().join(lines))

    @classmethod
    def assemble(cls, *parts: "str | rich.text.Text | tuple[str, str | Style]", **more: Any) -> "Text":
        return cls(**more).append_text(super().assemble(*parts))


class Screen(Console):
    """Markup is in the words that ``print`` is given, where data stands in ``escape()``; a string in a table is data."""

    def print(self, *objects: Any, markup: bool | None = None, **more: Any) -> None:
        said = (self._words(it, markup is not False) if isinstance(it, str) else it for it in objects)
        super().print(*said, markup=False, **more)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The last gate: whatever made a piece of text, only what rich itself says to the terminal goes there as it is."""
        drawn: Iterable[Segment] = super().render(
            Text(renderable) if isinstance(renderable, str) else renderable, options
        )
        for it in drawn:
            yield it if it.control else Segment(visible(it.text), it.style)

    def render_str(self, text: str, **more: Any) -> rich.text.Text:
        return super().render_str(visible(text), **(more | {"markup": False}))

    @staticmethod
    def _words(text: str, markup: bool) -> rich.text.Text:
        return rich.text.Text.from_markup(visible(text), emoji=False) if markup else Text(text)


def output() -> Console:
    """For what was asked for. Made on each call, so that it follows sys.stdout. Piped: never wrapped to 80 columns."""
    return screen(width=None if sys.stdout.isatty() else _piped_width())


def errors() -> Console:
    """For complaints and notices, which must not mix into what a script reads."""
    return screen(stderr=True, width=None if sys.stderr.isatty() else _piped_width())


def screen(**more: Any) -> Screen:
    """``more``: as rich's Console takes it."""
    return Screen(theme=THEME, highlight=False, emoji=False, markup=False, **more)


def lively(console: Console) -> bool:
    """May lines be drawn over? Not when piped, on a dumb terminal, or under NO_COLOR."""
    return console.is_terminal and not console.is_dumb_terminal and "NO_COLOR" not in os.environ


def show(console: Console, drawing: RenderableType) -> None:
    """Print it; piped, without the blanks that fill lines up."""
    if console.is_terminal:
        console.print(drawing)
        return
    with console.capture() as captured:
        console.print(drawing)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def hanging(console: Console, text: str, indent: int = 4) -> None:
    """Each line as it is; in a terminal, what does not fit goes on below it, indented. Piped, no line is ever broken."""
    for line in text.rstrip().splitlines():
        if not console.is_terminal:
            console.print(Text(line), soft_wrap=True)
            continue
        for number, part in enumerate(Text(line).wrap(console, max(20, console.width - indent))):
            console.print(Text(" " * (indent if number else 0)).append_text(part), no_wrap=True)


def as_json(document: "BaseModel | Sequence[BaseModel]") -> None:
    """Indented JSON on stdout, whole, with nothing else."""
    from pydantic import BaseModel, TypeAdapter  # complaints are printed from here too, and need none of it

    if isinstance(document, BaseModel):
        text = document.model_dump_json(indent=2)
    else:
        text = TypeAdapter(list[BaseModel]).dump_json(list(document), indent=2, serialize_as_any=True).decode()
    sys.stdout.write(in_json(text) + "\n")
    sys.stdout.flush()


def _piped_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() and int(columns) >= 40 else 160
