"""What the audience sees: acts with their times, lines of proof, and the table at the end."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from twinstage.cli import words
from twinstage.cli.screen import Text, output


class NotProved(Exception):
    """An act did not show what it claims."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.expected, self.seen = expected, seen


@dataclass(frozen=True, kw_only=True)
class Played:
    """One act, over."""

    number: int
    title: str
    proved: bool
    figure: str
    """The one sentence that stays in the final table."""
    seconds: float


class Stage:
    """Prints the play; times on ``clock``, in seconds."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console or output()
        self._clock = clock
        self._begun = clock()
        self.played: list[Played] = []

    @property
    def elapsed(self) -> float:
        return self._clock() - self._begun

    def act(self, number: int, title: str, play: Callable[[], str]) -> None:
        """Play one act. It returns its figure, or raises NotProved, which is kept and raised again."""
        self.console.print()
        self.console.rule(Text.assemble((f"Act {number}", "bold"), f"  {title}"), align="left", style="dim")
        start = self._clock()
        failed: NotProved | None = None
        try:
            figure = play()
        except NotProved as trouble:
            figure, failed = str(trouble), trouble
        seconds = self._clock() - start
        self.played.append(Played(number=number, title=title, proved=failed is None, figure=figure, seconds=seconds))
        if failed is not None:
            self._not_proved(failed)
            raise failed
        self.console.print(f"  [good]✔ proved[/] in {words.span(seconds)}")

    def says(self, text: str) -> None:
        """What happens next, in the play's own voice."""
        self.console.print(escape(text))

    def proof(self, label: str, figure: str) -> None:
        """One measured fact."""
        self.console.print(f"  [good]•[/] {escape(label)}: [bold]{escape(figure)}[/]")

    def quote(self, text: str, lines: int = 6) -> None:
        """The end of what somebody else said: a log, an answer."""
        for line in [line for line in text.splitlines() if line.strip()][-lines:]:
            self.console.print(f"    [dim]│ {escape(line)}[/]", soft_wrap=True)

    def typed(self, command: Sequence[str]) -> None:
        self.console.print(f"[dim]$ {escape(' '.join(command))}[/]")

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """A spinner in a terminal, one line where piped."""
        if not self.console.is_terminal:
            self.console.print(f"  {escape(text)} …")
            yield
            return
        with self.console.status(f"[busy]{escape(text)}[/]", spinner="dots"):
            yield

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> None:
        """``numbers``: how many of the last columns are right-aligned."""
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for position, column in enumerate(columns):
            right = position >= len(columns) - numbers
            table.add_column(column, justify="right" if right else "left", header_style="dim")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def curtain(self) -> None:
        """The final table."""
        self.console.print()
        rows = [
            (str(p.number), p.title, "proved" if p.proved else "NOT PROVED", p.figure, f"{p.seconds:.1f}")
            for p in self.played
        ]
        self.table("The play", ("act", "what", "result", "figure", "seconds"), rows, numbers=1)
        self.console.print(f"[dim]{words.span(self.elapsed)} in all[/]")

    def _not_proved(self, trouble: NotProved) -> None:
        self.console.print(f"  [bad]✘ not proved[/]\n    expected: {escape(trouble.expected)}")
        self.console.print(f"    seen:     {escape(trouble.seen)}")
