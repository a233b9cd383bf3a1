"""What was tried beyond the boundary, counted: for ``boundary`` and for the metrics."""

from collections import Counter
from collections.abc import Iterable

from twinstage import wire
from twinstage.api.office import Office
from twinstage.model.seen import ACROSS, ELSEWHERE, SentinelSeen


def totals(office: Office) -> list[wire.Tally]:
    """By ecosystem, release and kind; no more lines than there are releases."""
    releases = office.store.releases()
    found = []
    for it in office.store.tallies((ACROSS, ELSEWHERE)):
        release = releases.get(it.release) if it.release is not None else None
        found.append(
            wire.Tally(
                ecosystem=it.ecosystem,
                service="" if release is None else release.service,
                release=it.release or "",
                kind=it.kind,
                attempts=it.attempts,
                places=it.places,
                together=it.together,
            )
        )
    return found


def sentinels(seen: Iterable[SentinelSeen]) -> list[wire.Sentinel]:
    found = []
    for it in seen:
        answers: Counter[str] = Counter()
        for (_, answered), count in it.answers.items():
            answers[answered] += count
        found.append(
            wire.Sentinel(ecosystem=it.ecosystem, restarts=it.starts - 1, answers=dict(answers), unread=it.unread)
        )
    return found
