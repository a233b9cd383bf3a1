"""Handlers that ask the controller to do something: each writes one intent, wakes it, and answers 202 with the intent."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Header, Query, Response

from twinstage import wire
from twinstage.api import documents
from twinstage.api.office import Here, Office
from twinstage.api.packs import check_definition
from twinstage.api.problems import Trouble
from twinstage.api.reads import Name, RolloutName
from twinstage.config.problems import Problems
from twinstage.config.wire import EcosystemBody, decode
from twinstage.model.encoding import dumps
from twinstage.model.rollout import Intent, IntentVerb
from twinstage.store.trouble import Unknown

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_-]{8,64}$",
        description="Chosen by the client: the same key twice is one intent.",
    ),
]


def configure(
    office: Here,
    company: EcosystemBody,
    by: Annotated[str, Query(min_length=1, max_length=200, description="Who asks.")],
    response: Response,
    key: Key = None,
) -> wire.Intent:
    try:
        file = decode(company.model_dump())
    except Problems as problems:
        found = [str(problem) for problem in problems.problems]
        raise Trouble(422, f"cannot bring {company.name} into force", "its file has mistakes", "", found) from None
    known = office.store.ecosystem()
    if known is not None and known.name != file.name:
        raise Trouble(
            409,
            f"cannot bring {file.name} into force",
            f"this controller is that of {known.name}",
            "a company keeps its name; another one is brought up beside it",
        )
    args = {"file": dumps(file)}
    return ask(office, response, key, IntentVerb.CONFIGURE, args, by, "brought into force")


def submit(
    office: Here, service: Name, submission: wire.Submission, response: Response, key: Key = None
) -> wire.Intent:
    state = office.service(service)
    check_definition(office, state, submission.commit)
    args = {"service": state.service, "commit": submission.commit}
    return ask(office, response, key, IntentVerb.SUBMIT, args, submission.by, "submitted")


def abort(office: Here, rollout: RolloutName, order: wire.Order, response: Response, key: Key = None) -> wire.Intent:
    found = office.store.rollout(rollout)
    if not found.open:
        raise Trouble(409, f"cannot abort rollout {found.id}", f"it is over: {documents.sentence(found.reason)}")
    return ask(office, response, key, IntentVerb.ABORT, {"rollout": found.id}, order.by, order.why)


def skip(
    office: Here, rollout: RolloutName, skipping: wire.Skipping, response: Response, key: Key = None
) -> wire.Intent:
    found = office.store.rollout(rollout)
    if not found.open:
        over = f"it is over: {documents.sentence(found.reason)}"
        raise Trouble(409, f"cannot skip anything of rollout {found.id}", over, "submit the commit again")
    args = {"rollout": found.id, "phases": " ".join(skipping.phases)}
    return ask(office, response, key, IntentVerb.SKIP, args, skipping.by, skipping.why)


def rollback(office: Here, service: Name, order: wire.Rollback, response: Response, key: Key = None) -> wire.Intent:
    args = {"service": str(office.service(service).service)} | ({"force": "yes"} if order.force else {})
    return ask(office, response, key, IntentVerb.ROLLBACK, args, order.by, order.why)


def resume(office: Here, service: Name, order: wire.Order, response: Response, key: Key = None) -> wire.Intent:
    args = {"service": office.service(service).service}
    return ask(office, response, key, IntentVerb.RESUME, args, order.by, order.why)


def freeze(office: Here, service: Name, freezing: wire.Freezing, response: Response, key: Key = None) -> wire.Intent:
    return _freeze(office, office.service(service).service, freezing, response, key)


def freeze_all(office: Here, freezing: wire.Freezing, response: Response, key: Key = None) -> wire.Intent:
    return _freeze(office, "", freezing, response, key)


def _freeze(office: Office, service: str, asked: wire.Freezing, response: Response, key: str | None) -> wire.Intent:
    args = {"service": service, "until": asked.until.isoformat() if asked.until else ""}
    return ask(office, response, key, IntentVerb.FREEZE, args, asked.by, asked.why)


def unfreeze(office: Here, service: Name, order: wire.Order, response: Response, key: Key = None) -> wire.Intent:
    args = {"service": office.service(service).service}
    return ask(office, response, key, IntentVerb.UNFREEZE, args, order.by, order.why)


def unfreeze_all(office: Here, order: wire.Order, response: Response, key: Key = None) -> wire.Intent:
    return ask(office, response, key, IntentVerb.UNFREEZE, {}, order.by, order.why)


def remove(office: Here, service: Name, order: wire.Order, response: Response, key: Key = None) -> wire.Intent:
    args = {"service": office.service(service).service}
    return ask(office, response, key, IntentVerb.REMOVE, args, order.by, order.why)


def prune(office: Here, order: wire.Order, response: Response, key: Key = None) -> wire.Intent:
    return ask(office, response, key, IntentVerb.PRUNE, {}, order.by, order.why)


def prove(office: Here, order: wire.Order, response: Response, key: Key = None) -> wire.Intent:
    return ask(office, response, key, IntentVerb.PROVE, {}, order.by, order.why)


def ask(
    office: Office,
    response: Response,
    key: str | None,
    verb: IntentVerb,
    args: Mapping[str, str],
    by: str,
    why: str,
) -> wire.Intent:
    intent = Intent(id=key or office.new_id(), verb=verb, args=args, by=by, why=why, at=office.now())
    kept = known(office, intent.id)
    if kept is None:
        office.store.add_intent(intent)
        office.wake()
        kept = intent
    elif (kept.verb, dict(kept.args), kept.by) != (verb, dict(args), by):
        raise Trouble(409, f"cannot {verb}", f"the key {intent.id} was used for another request", "choose a new one")
    response.headers["Location"] = f"/v1/intents/{kept.id}"
    return documents.intent(kept)


def known(office: Office, intent: str) -> Intent | None:
    try:
        return office.store.intent(intent)
    except Unknown:
        return None
