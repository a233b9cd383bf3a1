"""What the store holds and what should have come to an end."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from twinstage.desired.desired import lane_stands
from twinstage.model.database import Clone
from twinstage.model.facts import MirrorBreak
from twinstage.model.finding import Finding
from twinstage.model.holding import Collection
from twinstage.model.job import Job
from twinstage.model.names import RolloutId
from twinstage.model.rollout import Intent, Rollout

GRACE = timedelta(minutes=1)
"""What is asked or over is seen to within a tick or a few; a minute later something is wrong."""
BROKEN = timedelta(minutes=5)
"""A release is replaced and an instance restarted in less."""
LEFT = timedelta(minutes=10)
"""A lane's instances have to drain and its databases to be dropped."""
ATTEMPTS = 5


def rollouts(every: Iterable[Rollout], now: datetime) -> Iterator[Finding]:
    """``every``: open ones."""
    for rollout in every:
        about = f"rollout {rollout.id} of {rollout.service}"
        if now > rollout.deadline + GRACE:
            yield Finding(
                about=about,
                what=f"is longer in {rollout.state.value} than its limit",
                advice=f"`twinstage why {rollout.id}` says what it waits for; `twinstage abort {rollout.id}` ends it",
                since=rollout.deadline,
            )
        if rollout.attempt >= ATTEMPTS:
            yield Finding(
                about=about,
                what=f"meets trouble of the platform again and again (attempt {rollout.attempt})",
                advice=f"`twinstage why {rollout.id}` has the trouble's own words",
                since=rollout.entered,
            )


def intents(pending: Iterable[Intent], now: datetime) -> Iterator[Finding]:
    for intent in pending:
        if now > intent.at + GRACE:
            yield Finding(
                about=f"{intent.verb.value} asked by {intent.by}",
                what="was never answered",
                advice="the controller's ticks fail: see controller.log of the core",
                since=intent.at,
            )


def jobs(unfinished: Iterable[Job], known: Mapping[RolloutId, Rollout], now: datetime) -> Iterator[Finding]:
    """Recorded ones without a result. ``known``: their rollouts, as far as there are any."""
    for job in unfinished:
        rollout = known.get(job.rollout) if job.rollout else None
        if rollout is None and job.rollout is not None:
            yield _ownerless(job, "belongs to no rollout that is known", None)
        elif rollout is not None and not rollout.open and now > rollout.entered + GRACE:
            yield _ownerless(job, f"has no result, though its rollout is {rollout.state.value}", rollout.entered)
        elif job.started is not None and now > job.started + job.limit + GRACE:
            yield _ownerless(job, f"runs longer than its limit of {job.limit.total_seconds():.0f} s", job.started)


def clones(every: Iterable[Clone], known: Iterable[Rollout], now: datetime) -> Iterator[Finding]:
    """Lanes' data that nobody has any more, and that should have been dropped. ``known``: all rollouts."""
    rollouts_ = list(known)
    for clone in every:
        mine = [r for r in rollouts_ if r.service == clone.service and r.lane == clone.lane]
        over = max((r.entered for r in mine), default=clone.since)
        if lane_stands(clone.lane, [r for r in mine if r.open]) or now <= over + LEFT:
            continue
        yield Finding(
            about=f"lane {clone.lane} of {clone.service}",
            what="is gone, and its databases in staging are still there",
            advice=f"they are dropped by themselves; if they stay, `twinstage status {clone.service} --json` has the jobs",
            since=over,
        )


def _ownerless(job: Job, what: str, since: datetime | None) -> Finding:
    advice = f"`twinstage logs {job.id}` is what it said; the controller stops it as soon as its place answers"
    return Finding(about=f"job {job.id}", what=what, advice=advice, since=since)


def breaks(open_ones: Iterable[MirrorBreak], now: datetime) -> Iterator[Finding]:
    for broken in open_ones:
        if now > broken.since + BROKEN:
            yield Finding(
                about=f"the mirror of {broken.service}",
                what=f"is not whole: {broken.detail}",
                advice=f"no verification counts around it; `twinstage status {broken.service}` shows its instances",
                since=broken.since,
            )


def collection(present: Collection | None, now: datetime) -> Iterator[Finding]:
    if present is not None and now > present.until + GRACE:
        yield Finding(
            about=f"collection {present.id}",
            what="should have ended",
            advice="the controller cannot see both ecosystems, or its ticks fail: see controller.log of the core",
            since=present.until,
        )
