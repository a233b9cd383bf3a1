"""What is wrong, and what to do."""

from datetime import datetime

from twinstage.wire.document import Document


class Finding(Document):
    about: str
    what: str
    advice: str
    since: datetime | None = None


class Examination(Document):
    at: datetime
    services: int
    lanes: int
    """How many candidates may be in staging at once."""
    findings: list[Finding]
