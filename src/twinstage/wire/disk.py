"""What takes up room."""

from datetime import datetime

from twinstage.wire.document import Document


class Held(Document):
    """One thing on a disk."""

    kind: str
    name: str
    service: str | None
    place: str | None
    """Whose it is; null: the controller's own."""
    bytes: int
    at: datetime
    """When it was last changed."""
    goes: bool
    """Would it be collected now."""
    why: str


class Disk(Document):
    at: datetime
    bytes: int
    collectable: int
    """Bytes of what would go now."""
    collecting: bool
    """Is a collection being carried out."""
    collected: datetime | None
    """When the last one ended."""
    held: list[Held]
