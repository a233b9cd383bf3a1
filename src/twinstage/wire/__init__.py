"""The documents that travel between the controller and its clients: what ``/v1`` answers, and what it takes.

They are a promise to people's scripts (``--json`` prints them), so a field is added, never renamed or removed. Times
are ISO 8601 with a zone; shares are percent; durations are seconds. Readers ignore fields they do not know.
"""

from twinstage.wire.document import Document, Mistake, Problem, Taken
from twinstage.wire.orders import Commits, Freezing, Intent, Order, Received, Submission
from twinstage.wire.rollouts import (
    Break,
    Count,
    Crossing,
    Evidence,
    Freeze,
    Job,
    JournalEntry,
    Journey,
    Reason,
    Rollout,
    Step,
)
from twinstage.wire.services import (
    Attention,
    Baseline,
    Boundary,
    Crossings,
    Ended,
    Instance,
    LogLine,
    Mirror,
    Occupant,
    Part,
    Pin,
    Ports,
    Service,
    ServiceRow,
    Status,
)

__all__ = [
    "Attention",
    "Baseline",
    "Boundary",
    "Break",
    "Commits",
    "Count",
    "Crossing",
    "Crossings",
    "Document",
    "Ended",
    "Evidence",
    "Freeze",
    "Freezing",
    "Instance",
    "Intent",
    "Job",
    "JournalEntry",
    "Journey",
    "LogLine",
    "Mirror",
    "Mistake",
    "Occupant",
    "Order",
    "Part",
    "Pin",
    "Ports",
    "Problem",
    "Reason",
    "Received",
    "Rollout",
    "Service",
    "ServiceRow",
    "Status",
    "Step",
    "Submission",
    "Taken",
]
