"""How long lines stand in a terminal, and in a pipe."""

import io

import pytest
from rich.console import Console

from twinstage.cli.screen import hanging

LINE = "twinstage.yaml:4: port: is 99999; write a whole number from 1 to 32767 [not markup]"


def printed(text: str, *, terminal: bool, width: int = 40) -> list[str]:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None, highlight=False)
    hanging(console, text)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def test_piped_a_line_is_never_broken() -> None:
    assert printed(f"{LINE}\n{LINE}\n", terminal=False) == [LINE, LINE]


@pytest.mark.parametrize("width", [30, 40, 80, 120])
def test_in_a_terminal_it_goes_on_below_itself_and_loses_nothing(width: int) -> None:
    first, *rest = printed(LINE, terminal=True, width=width)
    assert max(map(len, [first, *rest])) <= width
    assert all(line.startswith("    ") for line in rest)
    assert "".join([first, *rest]).replace(" ", "") == LINE.replace(" ", "")
