"""What lies on the disk."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from twinstage.checkup.decisions import GRACE
from twinstage.model.finding import Finding
from twinstage.model.holding import Collection, HoldingKind
from twinstage.retention.verdict import Verdict


def uncollected(verdicts: Iterable[Verdict], last: Collection | None, now: datetime) -> Iterator[Finding]:
    """What the last collection was to take, and is there still."""
    if last is None or last.done is None or now < last.done + GRACE:
        return
    taken = {(h.kind, h.place, h.name) for h in last.holdings}
    left = [v.holding for v in verdicts if v.goes and (v.holding.kind, v.holding.place, v.holding.name) in taken]
    if left:
        what = f"{len(left)} things were collected and are still there: {sum(h.bytes for h in left) >> 20} MiB"
        advice = (
            "`twinstage prune` tries again; controller.log of the core and sweeper.log of the place say why they stay"
        )
        yield Finding(about="the disk", what=what, advice=advice, since=last.done)


def ownerless(verdicts: Iterable[Verdict], now: datetime) -> Iterator[Finding]:
    """Trees that no release has and no job is building, once they are no longer new."""
    for verdict in verdicts:
        holding = verdict.holding
        lone = holding.kind is HoldingKind.ARTIFACT and holding.service is None and not verdict.goes
        if lone and not verdict.why.startswith("job ") and now > holding.at + timedelta(hours=1):
            what = "belongs to no release"
            advice = "a build that failed half-way left it; it is collected a day after its last change"
            yield Finding(about=f"artifact {holding.name}", what=what, advice=advice, since=holding.at)
