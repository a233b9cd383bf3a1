"""Somebody runs a command in an instance. It is in the journal before it begins, and when it has ended.

Which instances there are is the API's to know, by the last look; whether one lets anybody in, its doorman's. So somebody can look
inside just when an ecosystem's proxy does not answer, too.
"""

from datetime import datetime

from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused
from twinstage.controller.situation import Situation
from twinstage.model.names import Ecosystem, ReleaseId, ServiceName
from twinstage.model.rollout import Intent
from twinstage.store.rows import Change, Entry
from twinstage.store.trouble import Unknown


def enter(intent: Intent, _situation: Situation, _means: Means, now: datetime) -> Outcome:
    """Production's instances serve users: whoever goes in there says why."""
    if intent.args["ecosystem"] == Ecosystem.PRODUCTION and not intent.why:
        instance = intent.args["instance"]
        raise Refused(f"cannot run a command in {instance}: it is production's; say why with --why, for the journal")
    why = f"{_what(intent)}, as {intent.args['account']}" + (f" (because: {intent.why})" if intent.why else "")
    line = _line(intent, why, before=None, after=f"inside {intent.id}")
    return Outcome(answer=f"runs {_what(intent)}", service=line.service, change=Change(at=now, journal=(line,)))


def leave(intent: Intent, _situation: Situation, means: Means, now: datetime) -> Outcome:
    """``how`` it ended, as whoever watched it tells it."""
    try:
        begun = means.store.intent(intent.args.get("visit", ""))
    except Unknown as unknown:
        raise Refused(str(unknown)) from unknown
    if not begun.accepted:
        raise Refused(f"cannot end the visit {begun.id}: it was never let in; nothing is left of it")
    status = intent.args.get("status")
    why = f"{_what(begun)}: {intent.args['how']}"
    line = _line(begun, why, before=f"inside {begun.id}", after="ended" if status is None else f"status {status}")
    return Outcome(answer=why, service=line.service, change=Change(at=now, journal=(line,)))


def _what(intent: Intent) -> str:
    return f"`{intent.args['command']}` in {intent.args['instance']}"


def _line(intent: Intent, why: str, *, before: str | None, after: str) -> Entry:
    return Entry(
        who=intent.by,
        what="visit",
        why=why,
        service=ServiceName(intent.args["service"]),
        release=ReleaseId(intent.args["release"]),
        before=before,
        after=after,
    )
