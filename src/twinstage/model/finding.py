"""Something that nobody owns, that has no end, or that nobody can say the reason of."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``what`` is wrong with ``about``, and what to do: half sentences for people."""

    about: str
    what: str
    advice: str
    since: datetime | None = None
