"""The machine's clock jumps, or the machine slept: no release is blamed for it, and none waits longer for it."""

from dataclasses import replace
from datetime import datetime, timedelta

from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.situation import Situation
from twinstage.model.rollout import Rollout
from twinstage.store.rows import Change, Entry

TOLERATED = timedelta(seconds=5)
"""So much a clock may be set right without anybody minding."""


class Clock:
    """Compares the clock with a steady one, which nobody sets and which stands still while the machine sleeps."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None

    def jump(self, now: datetime, steady: float) -> timedelta:
        """How far the clock went ahead of the time that has passed since the last call (negative: back); 0 if tolerable.

        ``steady`` in seconds from whenever.
        """
        last, self._last = self._last, (now, steady)
        if last is None:
            return timedelta()
        ahead = (now - last[0]) - timedelta(seconds=steady - last[1])
        return ahead if abs(ahead) > TOLERATED else timedelta()


def moved_along(situation: Situation, jump: timedelta, now: datetime) -> Change:
    """What is under way keeps the time that it has left. A freeze ends when its clock says so, jump or not."""
    way = "ahead" if jump > timedelta() else "back"
    seconds = round(abs(jump).total_seconds())
    why = f"the clock went {way} by {seconds} s: the limits of what is under way are moved along"
    entry = Entry(who=TWINSTAGE, what="clock", why=why)
    rollouts = tuple((rollout, _moved(rollout, jump)) for rollout in situation.rollouts.values())
    return Change(at=now, rollouts=rollouts, journal=(entry,))


def _moved(rollout: Rollout, jump: timedelta) -> Rollout:
    until = rollout.reason.until
    return replace(
        rollout,
        entered=rollout.entered + jump,
        exposed=rollout.exposed + jump if rollout.exposed else None,
        deadline=rollout.deadline + jump,
        retry_at=rollout.retry_at + jump if rollout.retry_at else None,
        reason=replace(rollout.reason, until=until + jump) if until else rollout.reason,
    )
