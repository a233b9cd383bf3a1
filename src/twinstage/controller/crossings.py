"""Who it was: crossings with the release that made them, and their lines in the journal."""

from collections.abc import Sequence
from dataclasses import replace

from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.means import Means
from twinstage.controller.situation import Situation
from twinstage.model.job import JobKind
from twinstage.model.names import JobId
from twinstage.model.seen import ACROSS, ELSEWHERE, OTHER_ECOSYSTEM, Crossing
from twinstage.model.workload import WorkloadKey
from twinstage.store.rows import Attributed, Entry
from twinstage.store.trouble import Unknown

MOST_PLACES = 200
"""So many places of a kind are told apart for each release: what tries them all must not fill the store, nor hide an attempt
of another kind."""

Attempt = tuple[object, str, str]
"""(source, target, kind)."""


def attributed(
    means: Means, situation: Situation, crossings: Sequence[Crossing]
) -> tuple[tuple[Attributed, ...], tuple[Entry, ...]]:
    """The same attempt many times in one look is recorded once, as its latest; in the journal once a release."""
    latest: dict[Attempt, Crossing] = {}
    for crossing in sorted(crossings, key=lambda c: (c.ecosystem, c.seq)):
        attempt = (crossing.source, crossing.target, crossing.kind)
        before = latest[attempt].count if attempt in latest else 0
        latest[attempt] = replace(crossing, count=before + crossing.count)
    found: dict[tuple[str, str, str, str], Attributed] = {}
    lines = []
    tried: dict[str, set[tuple[str, str]]] = {}
    for crossing in latest.values():
        item = _whose(crossing, means)
        if item.owner not in tried:
            tried[item.owner] = means.store.tried(item.owner)
        known = tried[item.owner]
        item = _bounded(item, known)
        place = (item.crossing.target, item.crossing.kind)
        row = (item.owner, item.crossing.ecosystem, *place)
        found[row] = _with(found.get(row), item)
        if place not in known:
            known.add(place)
            lines.append(_entry(item, situation))
    return tuple(found.values()), tuple(lines)


def _with(other: Attributed | None, item: Attributed) -> Attributed:
    """Both as the later one, which says how far the record was read."""
    if other is None:
        return item
    later = max(other, item, key=lambda it: it.crossing.seq)
    return replace(later, crossing=replace(later.crossing, count=other.crossing.count + item.crossing.count))


def parted(means: Means, crossings: Sequence[Crossing]) -> tuple[tuple[Crossing, ...], tuple[Crossing, ...]]:
    """Those that the probe of the boundary made, and all others. It is there to make them: nobody is told, no release answers."""
    probes: set[str] = set()
    for source in {str(c.source) for c in crossings if not isinstance(c.source, WorkloadKey)}:
        try:
            if means.store.job(JobId(source)).kind is JobKind.PROBE:
                probes.add(source)
        except Unknown:
            continue
    made = [not isinstance(c.source, WorkloadKey) and str(c.source) in probes for c in crossings]
    ours = tuple(c for c, by_probe in zip(crossings, made, strict=True) if by_probe)
    return ours, tuple(c for c, by_probe in zip(crossings, made, strict=True) if not by_probe)


def _bounded(item: Attributed, known: set[tuple[str, str]]) -> Attributed:
    seen = item.crossing
    if (seen.target, seen.kind) in known or sum(kind == seen.kind for _, kind in known) < MOST_PLACES:
        return item
    target = ACROSS if seen.kind == OTHER_ECOSYSTEM else ELSEWHERE
    if seen.target == target:
        return item
    advice = f"{MOST_PLACES} places are told apart, more were tried: {seen.advice}"
    return replace(item, crossing=replace(seen, target=target, advice=advice))


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
