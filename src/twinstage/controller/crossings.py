"""Who it was: crossings with the release that made them, and their lines in the journal."""

from dataclasses import replace

from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.means import Means
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.model.seen import Crossing
from twinstage.model.workload import WorkloadKey
from twinstage.store.rows import Attributed, Entry
from twinstage.store.trouble import Unknown

MOST_PLACES = 200
"""So many places are told apart for each release: what tries them all must not fill the store."""
ELSEWHERE = "many other places"

Attempt = tuple[object, str, str]
"""(source, target, kind)."""


def attributed(means: Means, situation: Situation, sight: Sight) -> tuple[tuple[Attributed, ...], tuple[Entry, ...]]:
    """The same attempt many times in one look is recorded once, as its latest; in the journal once a release."""
    latest: dict[Attempt, Crossing] = {}
    for crossing in sorted(sight.crossings, key=lambda c: (c.ecosystem, c.seq)):
        attempt = (crossing.source, crossing.target, crossing.kind)
        before = latest[attempt].count if attempt in latest else 0
        latest[attempt] = replace(crossing, count=before + crossing.count)
    found, lines = [], []
    tried: dict[str, set[tuple[str, str]]] = {}
    for crossing in latest.values():
        item = _whose(crossing, means)
        if item.owner not in tried:
            tried[item.owner] = means.store.tried(item.owner)
        known = tried[item.owner]
        item = _bounded(item, known)
        found.append(item)
        place = (item.crossing.target, item.crossing.kind)
        if place not in known:
            known.add(place)
            lines.append(_entry(item, situation))
    return tuple(found), tuple(lines)


def _bounded(item: Attributed, known: set[tuple[str, str]]) -> Attributed:
    place = (item.crossing.target, item.crossing.kind)
    if place in known or len(known) < MOST_PLACES:
        return item
    return replace(item, crossing=replace(item.crossing, target=ELSEWHERE))


def _whose(crossing: Crossing, means: Means) -> Attributed:
    source = crossing.source
    if isinstance(source, WorkloadKey):
        return Attributed(crossing=crossing, service=source.service, release=source.release)
    try:
        job = means.store.job(source)
    except Unknown:
        return Attributed(crossing=crossing, service=None, release=None)
    return Attributed(crossing=crossing, service=job.service, release=job.release, rollout=job.rollout)


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
