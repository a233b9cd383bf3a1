"""What could be declared so that what was recorded would be let through."""

from datetime import datetime

from twinstage.wire.document import Document


class Asked(Document):
    ecosystem: str
    release: str
    """Empty for one that nobody knows any more."""
    first: datetime
    last: datetime
    count: int


class SuggestedLine(Document):
    """One entry to add under a key of ``twinstage.yaml``."""

    key: str
    name: str
    value: str
    """As it stands in YAML; empty for an entry of a list."""
    note: str
    asked: list[Asked]


class Undeclarable(Document):
    """An attempt that no line would let through, and why."""

    target: str
    why: str
    asked: list[Asked]


class Suggestions(Document):
    service: str
    text: str
    """Whole keys for ``twinstage.yaml``: each goes in place of the one that stands there, or is added."""
    lines: list[SuggestedLine]
    rest: list[Undeclarable]
