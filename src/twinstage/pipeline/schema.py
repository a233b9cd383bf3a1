"""Which changes of production's schema lie between a release and the present one. Pure.

What is compared is digests of the catalogue, as measured before and after each migration. So a migration that was lost half
way and changed something all the same counts, and one that was undone by a later one does not.
"""

from collections.abc import Sequence
from itertools import pairwise

from twinstage.model.database import MAIN, Migration
from twinstage.model.names import Ecosystem
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout, State


def changes_since(
    target: Release, rollouts: Sequence[Rollout], migrations: Sequence[Migration]
) -> tuple[Migration, ...]:
    """Those of the target's databases that it has not lived with, oldest first; empty: it finds them as it left them.

    ``rollouts``, ``migrations``: of its service, oldest first. The target lived with what a rollout beside it changed, as
    long as that did not take its place.
    """
    successor = _successor(target, rollouts)
    if successor is None:
        return ()
    found: list[Migration] = []
    for database in target.definition.databases:
        every = [m for m in migrations if m.database == database and _of_production(m)]
        lived = [m for m in every if m.at <= successor.entered and m.rollout != successor.id]
        later = [m for m in every if m not in lived]
        found += _differing(lived[-1].after if lived else None, later)
    return tuple(sorted(found, key=lambda m: m.at))


def _successor(target: Release, rollouts: Sequence[Rollout]) -> Rollout | None:
    """What took its place, the last time that production ran it."""
    lives = sorted((r for r in rollouts if r.state is State.LIVE), key=lambda r: r.entered)
    last = max((i for i, r in enumerate(lives) if r.release == target.id), default=None)
    if last is None:
        return None
    return next((r for r in lives[last + 1 :] if r.release != target.id), None)


def _of_production(migration: Migration) -> bool:
    return migration.key.ecosystem is Ecosystem.PRODUCTION and migration.key.data == MAIN


def _differing(left: str | None, later: Sequence[Migration]) -> list[Migration]:
    """``left``: the digest that the target left; None: it was not measured then."""
    if not later:
        return []
    base = later[0].before if left is None else left
    if later[-1].after == base:
        return []
    known = [base, *(m.after for m in later)]
    return [m for m, (before, _) in zip(later, pairwise(known), strict=True) if m.changed or m.before != before]
