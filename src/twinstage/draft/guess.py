"""What is guessed, and how sure it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Texts = Mapping[str, str]
"""Path within the repository, with slashes -> content."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """``why`` says what it comes from; ``look`` what a person should look at, empty where it is sure."""

    value: str
    why: str
    look: str = ""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Everything that was found. A key without a guess is None."""

    service: Guess
    build: Guess | None = None
    run: Guess | None = None
    port: Guess | None = None
    health: Guess | None = None
    verify: Guess | None = None
    gates: Mapping[str, Guess] = field(default_factory=dict)
    depends_on: tuple[Guess, ...] = ()
    settings: tuple[Guess, ...] = ()
    """Variables that the code reads and nobody gives yet."""
    notes: tuple[str, ...] = ()
    """What else to look at."""


def places(found: Mapping[str, list[str]], name: str) -> str:
    """``src/app.py:12 and 2 more``."""
    where = found[name]
    return where[0] if len(where) == 1 else f"{where[0]} and {len(where) - 1} more"
