"""Where output goes, and how it looks: colours live in a terminal, plain lines anywhere else."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text
from rich.theme import Theme

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


def output() -> Console:
    """For what was asked for. Made on each call, so that it follows sys.stdout. Piped: never wrapped to 80 columns."""
    return Console(theme=THEME, highlight=False, width=None if sys.stdout.isatty() else _piped_width(), soft_wrap=False)


def errors() -> Console:
    """For complaints and notices, which must not mix into what a script reads."""
    return Console(theme=THEME, highlight=False, stderr=True, width=None if sys.stderr.isatty() else _piped_width())


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
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _piped_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() and int(columns) >= 40 else 160
