"""What people ask for. Each intent is answered exactly once, in the transaction of what it brings about.

An answer is a sentence, also a refusal's: what cannot be done, why, and what to do instead.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from twinstage.artifacts.readings import Unread
from twinstage.controller.collection import prune
from twinstage.controller.configuration import configure, remove
from twinstage.controller.deciding import MISTAKES, decided
from twinstage.controller.freezing import freeze, unfreeze
from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused
from twinstage.controller.probing import prove
from twinstage.controller.rollback import resume, rollback
from twinstage.controller.secrets import remove_secret, set_secret
from twinstage.controller.situation import Situation
from twinstage.controller.skipping import skip
from twinstage.controller.submission import submit
from twinstage.controller.visits import enter, leave
from twinstage.model.facts import Decision, Event
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Intent, IntentVerb
from twinstage.pipeline.states import IllegalEvent
from twinstage.store.rows import Change, Entry
from twinstage.store.trouble import NoPorts, Unknown

log = logging.getLogger(__name__)


def carry_out(means: Means, now: datetime) -> None:
    """All that is pending, in the order in which it was asked."""
    for intent in means.store.intents():
        try:
            outcome = ORDERS[intent.verb](intent, means.situation(), means, now)
        except Refused as refusal:
            outcome = Outcome(answer=str(refusal), accepted=False)
        except Unread as trouble:
            log.info("intent %s waits, and those after it: %s", intent.id, trouble)
            return
        except MISTAKES:
            log.exception("intent %s cannot be carried out", intent.id)
            outcome = Outcome(answer=_mistaken(intent), accepted=False)
        _answer(intent, outcome, means, now)


def _mistaken(intent: Intent) -> str:
    return (
        f"cannot {intent.verb.value}: that met a mistake in Twinstage itself; nothing was decided. "
        "The controller's log says where: please report it with that"
    )


def abort(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """Any rollout that is under way: its traffic goes first, then what ran."""
    try:
        rollout = means.store.rollout(intent.args.get("rollout", ""))
    except Unknown as unknown:
        raise Refused(str(unknown)) from unknown
    if not intent.by or not intent.why:
        raise Refused(f"cannot abort rollout {rollout.id}: say who you are and why; it stays in the journal")
    reason = Reason(code="ABORTED", owner=Owner.OPERATOR, facts={"by": intent.by, "why": intent.why})
    decision = Decision(event=Event.ABORT, reason=reason)
    try:
        service = situation.services[rollout.service]
        change = decided(rollout, service, decision, situation.policy, now, intent.by)
    except IllegalEvent as illegal:
        raise Refused(f"cannot abort rollout {rollout.id}: it is {rollout.state.value} already") from illegal
    answer = f"rollout {rollout.id} of {rollout.service} is aborted; what it has in {_where(rollout.share)} is cleared"
    return Outcome(answer=answer, rollout=rollout.id, service=rollout.service, change=change)


def _where(share: int) -> str:
    return "production and staging" if share else "staging"


Order = Callable[[Intent, Situation, Means, datetime], Outcome]

ORDERS: Mapping[IntentVerb, Order] = {
    IntentVerb.CONFIGURE: configure,
    IntentVerb.SUBMIT: submit,
    IntentVerb.ABORT: abort,
    IntentVerb.SKIP: skip,
    IntentVerb.ROLLBACK: rollback,
    IntentVerb.RESUME: resume,
    IntentVerb.FREEZE: freeze,
    IntentVerb.UNFREEZE: unfreeze,
    IntentVerb.REMOVE: remove,
    IntentVerb.PRUNE: prune,
    IntentVerb.PROVE: prove,
    IntentVerb.EXEC: enter,
    IntentVerb.EXEC_ENDED: leave,
    IntentVerb.SET_SECRET: set_secret,
    IntentVerb.REMOVE_SECRET: remove_secret,
}


def _answer(intent: Intent, outcome: Outcome, means: Means, now: datetime) -> None:
    answered = _answered(intent, outcome, now)
    if outcome.configures is None:
        change = outcome.change or Change(at=now)
        means.store.commit(replace(change, intent=answered, journal=(_entry(answered, outcome), *change.journal)))
        return
    try:
        means.store.configure(outcome.configures, means.free, answered, _entry(answered, outcome))
    except NoPorts as trouble:
        refused = Outcome(answer=str(trouble), accepted=False)
        answered = _answered(intent, refused, now)
        means.store.commit(Change(at=now, intent=answered, journal=(_entry(answered, refused),)))


def _answered(intent: Intent, outcome: Outcome, now: datetime) -> Intent:
    return replace(intent, answered=now, accepted=outcome.accepted, answer=outcome.answer, rollout=outcome.rollout)


def _entry(intent: Intent, outcome: Outcome) -> Entry:
    return Entry(
        who=intent.by or "somebody",
        what="intent",
        why=f"{intent.verb.value}: {intent.answer}" + (f" (because: {intent.why})" if intent.why else ""),
        service=outcome.service,
        rollout=outcome.rollout,
        after="accepted" if outcome.accepted else "refused",
    )
