"""Since when which part of the mirror is not whole: breaks begin and end in the store, whoever watches."""

from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import datetime

from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.situation import Situation
from twinstage.desired.desired import has_lane
from twinstage.desired.wholeness import NotWhole, breaks, not_whole
from twinstage.model.facts import MirrorBreak
from twinstage.model.names import ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout, ServiceState
from twinstage.model.seen import Observed
from twinstage.pipeline.sight import parts_amiss
from twinstage.store.rows import Entry

STAGING_ITSELF = ServiceName("staging itself")
"""Stands for staging's own parts: no service can have this name, and everybody's verdict depends on them."""


def amiss(situation: Situation, staging: Observed) -> Mapping[ServiceName, str]:
    """What is not whole now, with a detail for people.

    While a part of staging itself is down nothing is known of the services, so it alone is told; its break covers them.
    """
    if parts := parts_amiss(staging):
        return {STAGING_ITSELF: parts}
    found: dict[ServiceName, str] = {}
    for rollout in situation.rollouts.values():
        release = situation.release_of(rollout)
        if rollout.group is None or release is None or not has_lane(rollout):
            continue
        # In a group a mate's lane stands in for the baseline that its service does not have yet.
        for broken in _around(release, situation, staging, rollout):
            svc = situation.services.get(broken.service)
            if svc is not None and svc.baseline is None:
                found[broken.service] = broken.detail
    for svc in situation.services.values():
        broken_service = _service(svc, situation, staging)
        if broken_service is not None:
            found[svc.service] = broken_service.detail
    return found


def _around(release: Release, situation: Situation, staging: Observed, rollout: Rollout) -> tuple[NotWhole, ...]:
    mates = situation.group_of(rollout)
    return breaks(release, situation.services, situation.releases, staging, situation.behind, mates)


def _service(svc: ServiceState, situation: Situation, staging: Observed) -> NotWhole | None:
    if not svc.baseline or svc.removed:
        return None
    return not_whole(svc, situation.releases, staging, situation.behind)


def retold(
    now_amiss: Mapping[ServiceName, str], known: Mapping[ServiceName, MirrorBreak], behind: Container[ServiceName]
) -> tuple[MirrorBreak, ...]:
    """Breaks that go on, and that databases are the reason of now: what came of their migration is worth telling.

    Others keep the words that they began with: how many instances are healthy changes all the time.
    """
    return tuple(
        replace(broken, detail=now_amiss[service])
        for service, broken in known.items()
        if service in behind and now_amiss.get(service, broken.detail) != broken.detail
    )


def changes(
    now_amiss: Mapping[ServiceName, str], known: Mapping[ServiceName, MirrorBreak], now: datetime
) -> tuple[tuple[MirrorBreak, ...], tuple[Entry, ...]]:
    """Breaks that begin and end now, with their lines for the journal. ``known``: the open ones."""
    begun = [
        MirrorBreak(service=service, since=now, until=None, detail=detail)
        for service, detail in now_amiss.items()
        if service not in known
    ]
    ended = [replace(broken, until=now) for service, broken in known.items() if service not in now_amiss]
    lines = [_entry(b, f"its mirror is not whole: {b.detail}", "whole", "broken") for b in begun]
    lines += [_entry(b, "its mirror is whole again", "broken", "whole") for b in ended]
    return (*begun, *ended), tuple(lines)


def _entry(broken: MirrorBreak, why: str, before: str, after: str) -> Entry:
    return Entry(who=TWINSTAGE, what="mirror", why=why, service=broken.service, before=before, after=after)
