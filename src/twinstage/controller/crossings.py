"""Who it was: crossings with the release that made them, and their lines in the journal."""

from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.means import Means
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.model.names import ReleaseId
from twinstage.model.seen import Crossing
from twinstage.model.workload import WorkloadKey
from twinstage.store.rows import Attributed, Entry
from twinstage.store.trouble import Unknown

Attempt = tuple[object, str, str]
"""(source, target, kind)."""


def attributed(means: Means, situation: Situation, sight: Sight) -> tuple[tuple[Attributed, ...], tuple[Entry, ...]]:
    """The same attempt many times in one look is recorded once, as its latest; in the journal once a release."""
    latest: dict[Attempt, Crossing] = {}
    for crossing in sorted(sight.crossings, key=lambda c: (c.ecosystem, c.seq)):
        latest[crossing.source, crossing.target, crossing.kind] = crossing
    found = tuple(_whose(crossing, means) for crossing in latest.values())
    told: set[tuple[ReleaseId | None, str, str]] = set()
    lines = []
    for item in found:
        attempt = (item.release, item.crossing.target, item.crossing.kind)
        if attempt not in told and not _known(means, item):
            told.add(attempt)
            lines.append(_entry(item, situation))
    return found, tuple(lines)


def _whose(crossing: Crossing, means: Means) -> Attributed:
    source = crossing.source
    if isinstance(source, WorkloadKey):
        return Attributed(crossing=crossing, service=source.service, release=source.release)
    try:
        job = means.store.job(source)
    except Unknown:
        return Attributed(crossing=crossing, service=None, release=None)
    return Attributed(crossing=crossing, service=job.service, release=job.release, rollout=job.rollout)


def _known(means: Means, item: Attributed) -> bool:
    if item.release is None:
        return False
    before = means.store.crossings(release=item.release, limit=1000)
    return any((c.target, c.kind) == (item.crossing.target, item.crossing.kind) for c in before)


def _entry(item: Attributed, situation: Situation) -> Entry:
    seen = item.crossing
    service = situation.services.get(item.service) if item.service is not None else None
    alarm = " (production runs this release)" if service is not None and service.baseline == item.release else ""
    advice = f": {seen.advice}" if seen.advice else ""
    return Entry(
        who=TWINSTAGE,
        what="crossing",
        why=f"tried to reach {seen.target} from {seen.ecosystem.value}, answered {seen.answered}{alarm}{advice}",
        service=item.service,
        rollout=item.rollout,
        release=item.release,
        after=seen.kind,
    )
