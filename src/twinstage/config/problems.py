"""What is wrong with a file of the user's: every mistake at once, each with its place and what would be right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake."""

    file: str
    line: int
    """Counted from 1; 0 where there is no line to point at."""
    path: str
    """Where in the document: ``instances.staging``; empty for the document as a whole."""
    message: str
    """What is wrong."""
    right: str
    """What would be right; may be empty."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.path}: " if self.path else ""
        return f"{place}: {subject}{self.message}" + (f"; {self.right}" if self.right else "")


class Problems(Exception):
    """A file cannot be taken. ``problems`` has every mistake, in the file's order; there is at least one."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Report:
    """Collects the problems of one file while it is read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(self, line: int, path: str, message: str, right: str = "") -> None:
        self.problems.append(Problem(file=self.file, line=line, path=path, message=message, right=right))

    def settle(self) -> None:
        """Raises Problems if there are any, sorted by line."""
        if self.problems:
            raise Problems(sorted(self.problems, key=lambda problem: problem.line))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    words = list(known)
    close = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return close[0] if close else next((longer for longer in words if len(word) > 2 and longer.startswith(word)), None)


def listed(words: Sequence[str], last: str = "or") -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else "nothing"
