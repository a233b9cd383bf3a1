"""Waits that more than one state knows."""

from collections.abc import Set

from twinstage.model.facts import Facts
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import State


def dependencies(facts: Facts) -> Reason | None:
    """Not before what it calls runs in production, or moves in the same group."""
    if not facts.missing_dependencies:
        return None
    names = ", ".join(sorted(facts.missing_dependencies))
    return Reason(code="WAITS_FOR_DEPENDENCIES", owner=Owner.PLATFORM, facts={"services": names})


def mates_behind(facts: Facts, ready: Set[State]) -> Reason | None:
    """Which members of its group are not in one of these states. Members that are live are no longer waited for."""
    behind = sorted(f"{mate.service} is {mate.state.value}" for mate in facts.group if mate.state not in ready)
    if not behind:
        return None
    return Reason(code="WAITS_FOR_GROUP", owner=Owner.PLATFORM, facts={"members": ", ".join(behind)})
