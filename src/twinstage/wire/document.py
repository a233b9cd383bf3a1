"""What every document is, and how a thing that cannot be done is told."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    # Built when first used: a command needs two or three of them, and building all takes a tenth of a second.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Taken(BaseModel):
    """What a client sends. A field it misspells is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mistake(Document):
    """One thing wrong in a definition."""

    text: str
    """``file:line: path: what is wrong, what would be right``."""


class Problem(Document):
    """``application/problem+json``: what could not be done, why, and what to do about it."""

    title: str
    detail: str
    hint: str = ""
    status: int
    mistakes: list[Mistake] = []
