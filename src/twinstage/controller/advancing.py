"""Each open rollout, once a tick: what happens to it next, saved in one transaction of its own."""

import logging
from dataclasses import replace

from twinstage.controller.deciding import MISTAKES, TWINSTAGE, decided
from twinstage.controller.facts import facts_of
from twinstage.controller.means import Means
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.controller.skipping import shared, skip_lines
from twinstage.model.facts import Decision, Event, Grouping
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Kind, Rollout, State
from twinstage.pipeline.advance import advance
from twinstage.pipeline.grouping import groupings
from twinstage.pipeline.retreat import LEFT
from twinstage.store.rows import Change, Entry

log = logging.getLogger(__name__)


def advance_all(means: Means, sight: Sight) -> Situation:
    """Oldest first; each decision sees what the ones before it have changed. Returns the situation after all."""
    situation = _grouped(means, means.situation(), sight)
    for id in list(situation.rollouts):
        rollout = situation.rollouts[id]
        try:
            decision = succession(rollout, situation)
            if decision is None:
                decision = advance(rollout, facts_of(rollout, situation, means, sight), situation.policy, sight.at)
        except MISTAKES:
            decision = Decision(event=None, reason=_stands(rollout))
            if rollout.reason != decision.reason:  # once, not each second
                log.exception("%s %s cannot be taken further", rollout.service, rollout.id)
        change = decided(rollout, situation.services[rollout.service], decision, situation.policy, sight.at)
        if change.empty:
            continue
        means.store.commit(change)
        if decision.event is not None:
            log.info("%s %s: %s (%s)", rollout.service, rollout.id, decision.event.value, decision.reason.sentence)
        situation = means.situation()
    return situation


def _stands(rollout: Rollout) -> Reason:
    """Why one stands still that met a mistake of ours. Of one that retreats the reason stays why it does."""
    if rollout.state is State.RETREATING:
        left = "what a mistake in Twinstage itself keeps (the controller's log says where)"
        return replace(rollout.reason, facts={**rollout.reason.facts, LEFT: left}, until=None)
    return Reason(code="MISTAKEN", owner=Owner.PLATFORM)


def succession(rollout: Rollout, situation: Situation) -> Decision | None:
    """A verified rollout keeps its place in the queue until a newer one of its service is verified too."""
    if rollout.kind is not Kind.SHIP or rollout.state is not State.VERIFIED:
        return None
    of_service = list(situation.open_of(rollout.service))
    newer = of_service[of_service.index(rollout) + 1 :]
    successors = [r for r in newer if r.kind is Kind.SHIP and r.state is State.VERIFIED]
    return superseded_by(successors[-1].commit) if successors else None


def superseded_by(commit: str) -> Decision:
    reason = Reason(code="SUPERSEDED", owner=Owner.OPERATOR, facts={"commit": commit[:12]})
    return Decision(event=Event.SUPERSEDE, reason=reason)


def _grouped(means: Means, situation: Situation, sight: Sight) -> Situation:
    """First releases that need each other get one lane, before any of them is asked what it waits for."""
    found = groupings(tuple(situation.rollouts.values()), situation.releases, situation.services, means.new_id)
    for grouping in found:
        means.store.commit(_together(grouping, situation, sight))
    return means.situation() if found else situation


def _together(grouping: Grouping, situation: Situation, sight: Sight) -> Change:
    members = [situation.rollouts[id] for id in grouping.members]
    names = ", ".join(sorted(r.service for r in members))
    joined = {r.id: replace(r, group=grouping.group, lane=grouping.lane) for r in members}
    others = [r for r in situation.rollouts.values() if r.group == grouping.group and r.id not in joined]
    skips = shared([*joined.values(), *others])
    after = joined | {r.id: r for _, r in skips}
    lines = [line for before, r in skips for line in skip_lines(before, r)]
    return Change(
        at=sight.at,
        rollouts=tuple((situation.rollouts[id], r) for id, r in after.items()),
        journal=tuple(lines)
        + tuple(
            Entry(
                who=TWINSTAGE,
                what="group",
                why=f"first releases that need each other move together: {names}",
                service=r.service,
                rollout=r.id,
                release=r.release,
            )
            for r in members
        ),
    )
