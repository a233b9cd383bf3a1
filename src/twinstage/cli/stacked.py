"""Rows with a long name in each: a table where it fits, elsewhere names and words on lines of their own. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table

from twinstage.cli.screen import Text

_GAP = 2
_BETWEEN = _GAP + 1
"""Of a table: its box has a blank of its own between columns."""
_LEAST = 24
"""Columns that words need beside the rest to be read at all."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """``name`` is for copying and ``cells`` are short: neither is ever broken. ``words`` go on over as many lines as they need."""

    name: str
    cells: Sequence[Text]
    words: str = ""


def drawn(
    rows: Sequence[Row], headings: Sequence[str], width: int, *, name: str, words: str = "", right: Collection[str] = ()
) -> RenderableType:
    """``headings`` of the cells; those of ``name`` and ``words`` are told apart. ``right``: headings whose cells end together."""
    longest = max((len(row.words) for row in rows), default=0)
    names = max((len(row.name) for row in rows), default=0)
    spans = _spans(rows, headings)
    beside = min(longest, _LEAST) + _BETWEEN if longest else 0
    if max(names, len(name)) + sum(span + _BETWEEN for span in spans) + beside <= width:
        return _table(rows, (name, *headings, *([words] if longest else [])), right)
    return _stack(rows, headings, spans, right)


def _spans(rows: Sequence[Row], headings: Sequence[str]) -> list[int]:
    return [max([len(heading), *(row.cells[n].cell_len for row in rows)]) for n, heading in enumerate(headings)]


def _table(rows: Sequence[Row], headings: Sequence[str], right: Collection[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="quiet")
    worded = len(headings) > 1 + len(rows[0].cells) if rows else False
    for number, heading in enumerate(headings):
        whole = not worded or number < len(headings) - 1
        table.add_column(heading, no_wrap=whole, overflow="fold", justify="right" if heading in right else "left")
    for row in rows:
        table.add_row(Text(row.name), *row.cells, *([Text(row.words)] if worded else []))
    return table


def _stack(
    rows: Sequence[Row], headings: Sequence[str], spans: Sequence[int], right: Collection[str]
) -> RenderableType:
    ends = [heading in right for heading in headings]
    lines: list[RenderableType] = [_line([Text(heading, "quiet") for heading in headings], spans, ends)]
    for row in rows:
        lines += [_line(row.cells, spans, ends), Text(f"  {row.name}", no_wrap=True, overflow="ignore")]
        if row.words:
            lines.append(Padding(Text(row.words), (0, 0, 0, 4)))
    return Group(*lines)


def _line(cells: Sequence[Text], spans: Sequence[int], ends: Sequence[bool]) -> Text:
    line = Text(no_wrap=True, overflow="ignore")
    for cell, span, at_end in zip(cells, spans, ends, strict=True):
        blank = " " * (span - cell.cell_len)
        line.append(blank if at_end else "").append_text(cell).append(("" if at_end else blank) + " " * _GAP)
    line.rstrip()
    return line
