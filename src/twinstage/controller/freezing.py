"""Freezes: an operator's hold on one service or on all of them, with a reason and an end."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused, service_of
from twinstage.controller.situation import Situation
from twinstage.model.names import ServiceName
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Freeze, Intent, Rollout
from twinstage.store.rows import Change, Entry

USUAL = timedelta(hours=24)
"""How long a freeze stands when nobody says."""
LONGEST = timedelta(days=90)
"""Whoever wants more freezes again: a freeze that everybody has forgotten holds back what mends things, too."""


def frozen(rollout: Rollout, situation: Situation) -> Reason | None:
    """What holds this rollout, and until when; of several the one that stands longest.

    A group moves together, so a freeze of any member holds all of them: half a group in production calls the other half.
    """
    mates = situation.group_of(rollout)
    found = standing({rollout.service, *(mate.service for mate in mates)}, situation.freezes)
    if found is None:
        return None
    facts = {"what": found.what, "by": found.by, "why": found.why, "scope": found.service or ""}
    return Reason(code="FROZEN", owner=Owner.OPERATOR, facts=facts, until=found.until)


def standing(services: Iterable[ServiceName], freezes: Mapping[ServiceName | None, Freeze]) -> Freeze | None:
    """The freeze that holds any of these services longest."""
    held = [freezes.get(scope) for scope in (None, *sorted(services))]
    return max((freeze for freeze in held if freeze is not None), key=lambda freeze: freeze.until, default=None)


def freeze(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """From now on nothing of it moves on in production. A freeze of the same service is replaced, be it longer or shorter."""
    del means
    service = _scope(intent, situation)
    what = service or "every service"
    if not intent.by or not intent.why:
        raise Refused(f"cannot freeze {what}: say who you are and why; it stays in the journal")
    until = _until(intent, what, now)
    made = Freeze(service=service, by=intent.by, why=intent.why, at=now, until=until)
    before = situation.freezes.get(service)
    instead = f", instead of until {moment(before.until)} by {before.by}" if before is not None else ""
    answer = f"{what} is frozen until {moment(until)}{instead}: nothing of it moves on into production"
    line = _line(made, intent.by, f"frozen until {moment(until)}: {intent.why}", before, made)
    return Outcome(answer=answer, service=service, change=Change(at=now, freezes=(made,), journal=(line,)))


def unfreeze(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """Ends the freeze of one service, or the one of all; another one may still stand, and then the answer says so."""
    del means
    service = _scope(intent, situation)
    found = situation.freezes.get(service)
    others = [freeze for scope, freeze in situation.freezes.items() if scope != service]
    relevant = [freeze for freeze in others if service is None or freeze.service is None]
    also = "; ".join(f"{_told(freeze)}: `{thawing(freeze)}` ends that" for freeze in relevant)
    if found is None:
        raise Refused(f"cannot unfreeze {service or 'every service'}: {also or 'nothing freezes it'}")
    line = _line(found, intent.by, f"no longer frozen: {intent.why or 'unfrozen'}", found, None)
    answer = f"{found.what} goes on: the freeze by {found.by} is over" + (f"; but {also}" if also else "")
    return Outcome(answer=answer, service=service, change=Change(at=now, thaws=(found,), journal=(line,)))


def lapse(means: Means, now: datetime) -> None:
    """Freezes whose time has come end by themselves, before anything is decided in this tick."""
    over = [freeze for freeze in means.situation().freezes.values() if freeze.until <= now]
    lines = [_line(it, TWINSTAGE, f"the freeze by {it.by} has come to its end: {it.why}", it, None) for it in over]
    means.store.commit(Change(at=now, thaws=tuple(over), journal=tuple(lines)))


def thawing(freeze: Freeze) -> str:
    """What to type to end it."""
    return f"twinstage unfreeze {freeze.service}" if freeze.service else "twinstage unfreeze"


def moment(at: datetime) -> str:
    """``2026-03-01 18:00 UTC``: an answer is read on any clock, and stays in the journal."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _scope(intent: Intent, situation: Situation) -> ServiceName | None:
    return service_of(intent, situation).service if intent.args.get("service") else None


def _until(intent: Intent, what: str, now: datetime) -> datetime:
    told = intent.args.get("until")
    try:
        until = now + USUAL if not told else datetime.fromisoformat(told).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(f"cannot freeze {what}: its end {told!r} is no time; write it as 2026-03-01T18:00:00Z") from error
    if until <= now:
        raise Refused(f"cannot freeze {what} until {moment(until)}: that is past; name a time to come")
    if until > now + LONGEST:
        raise Refused(
            f"cannot freeze {what} until {moment(until)}: {LONGEST.days} days are the longest; freeze again before then"
        )
    return until


def _told(freeze: Freeze) -> str:
    return f"{freeze.what} is frozen by {freeze.by} until {moment(freeze.until)}"


def _line(it: Freeze, who: str, why: str, before: Freeze | None, after: Freeze | None) -> Entry:
    states = ["frozen" if freeze is not None else None for freeze in (before, after)]
    return Entry(who=who, what="freeze", why=why, service=it.service, before=states[0], after=states[1])
