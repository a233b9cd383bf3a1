"""A decision about one rollout as one change of the store: rollout, jobs, baseline and journal, or nothing."""

from dataclasses import replace
from datetime import datetime

from twinstage.model.facts import Decision, Event
from twinstage.model.policy import Policy
from twinstage.model.rollout import IN_PRODUCTION, Kind, Rollout, ServiceState
from twinstage.pipeline.states import apply
from twinstage.store.rows import Change, Entry

TWINSTAGE = "twinstage"
"""Who decides when nobody asked."""
MISTAKES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What trouble of the world never is: tried again it ends the same way, and everything behind it would wait for ever."""


def decided(
    rollout: Rollout, service: ServiceState, decision: Decision, policy: Policy, now: datetime, who: str = TWINSTAGE
) -> Change:
    """What saving this decision writes; empty when it changes nothing. Raises IllegalEvent."""
    after = apply(rollout, decision, policy, now)
    if after == rollout:
        return Change(at=now, jobs=decision.jobs)
    moved = ((service, completed(service, rollout)),) if decision.event is Event.COMPLETE else ()
    journal = list(_journal(rollout, after, decision, who))
    journal += [baseline_entry(before, now_is, rollout) for before, now_is in moved]
    services = tuple(pair for pair in moved if pair[0] != pair[1])
    return Change(at=now, rollouts=((rollout, after),), services=services, jobs=decision.jobs, journal=tuple(journal))


def completed(service: ServiceState, rollout: Rollout) -> ServiceState:
    """The service once production runs this rollout's release. A rollback drops what came after it."""
    if rollout.release is None or rollout.release == service.baseline:
        return service
    if rollout.kind is not Kind.ROLLBACK:
        return replace(service, baselines=(*service.baselines, rollout.release))
    good = service.baselines[:-1]
    while good and good[-1] != rollout.release:
        good = good[:-1]
    return replace(service, baselines=good or (rollout.release,))


def place(rollout: Rollout) -> str:
    """``verifying``, ``canary 25 %``."""
    share = f" {rollout.share} %" if rollout.state in IN_PRODUCTION else ""
    return f"{rollout.state.value}{share}"


def baseline_entry(before: ServiceState, after: ServiceState, rollout: Rollout) -> Entry:
    return Entry(
        who=TWINSTAGE,
        what="baseline",
        why=f"production runs {after.baseline}, and staging mirrors it",
        service=rollout.service,
        rollout=rollout.id,
        release=after.baseline,
        before=before.baseline,
        after=after.baseline,
    )


def _journal(before: Rollout, after: Rollout, decision: Decision, who: str) -> tuple[Entry, ...]:
    """State changes, and each trouble of the platform; not each other reason on the way."""
    if decision.event is None and after.attempt == before.attempt:
        return ()
    entry = Entry(
        who=who,
        what="rollout" if decision.event is not None else "trouble",
        why=after.reason.sentence,
        service=after.service,
        rollout=after.id,
        release=after.release,
        before=place(before),
        after=place(after),
    )
    return (entry,)
