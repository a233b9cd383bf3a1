"""Secrets: a value comes in over the Unix socket, in a body, and goes into the vault. Nothing here ever answers with one."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from twinstage import wire
from twinstage.api.errands import Releases, Seen, rotating
from twinstage.api.office import Here, Office
from twinstage.api.orders import Key, ask, known
from twinstage.api.problems import Trouble
from twinstage.api.reads import Name
from twinstage.config.rules import VARIABLE
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.rollout import IntentVerb, Rollout, ServiceState
from twinstage.model.secret import value_of
from twinstage.vault import TooMuch, VaultTrouble
from twinstage.vault.content import Offer

SecretName = Annotated[str, Path(pattern=f"^{VARIABLE.pattern.pattern}$", description="As the definition names it.")]


async def put(
    office: Here,
    service: Name,
    ecosystem: Ecosystem,
    name: SecretName,
    by: Annotated[str, Query(min_length=1, max_length=200, description="Who asks.")],
    request: Request,
    response: Response,
    key: Key = None,
) -> wire.Intent:
    """The body is the value as it is: UTF-8, at most 64 KiB, without NUL. A newline at its end is part of it."""
    state = await run_in_threadpool(office.service, service)
    try:
        value = value_of(await request.body())
    except ValueError as wrong:
        title, hint = (
            f"cannot set {name} of {state.service} in {ecosystem}",
            "send UTF-8 text without NUL, 64 KiB at most",
        )
        raise Trouble(422, title, str(wrong), hint) from None
    id = key or office.new_id()
    await run_in_threadpool(_offer, office, id, ecosystem, state.service, name, value)
    args = {"service": state.service, "ecosystem": ecosystem.value, "name": name}
    return await run_in_threadpool(ask, office, response, id, IntentVerb.SET_SECRET, args, by, "")


def _offer(office: Office, id: str, ecosystem: Ecosystem, service: ServiceName, name: str, value: str) -> None:
    """Before the intent: whoever carries that out finds the value. Of an intent that was asked already it is not taken again."""
    asked = known(office, id)
    if asked is not None and asked.answered is not None:
        return
    title = f"cannot set {name} of {service} in {ecosystem}"
    try:
        offer = Offer(service=service, name=name, value=value, at=office.now())
        if not office.vault[ecosystem].offer(id, offer):
            raise Trouble(409, title, f"the key {id} was used for another value", "choose a new one")
    except TooMuch as busy:
        raise Trouble(503, title, str(busy), "ask again in a moment") from None
    except (VaultTrouble, OSError) as trouble:
        raise Trouble(503, title, str(trouble), "put right what it says, and set it again") from None


def remove(
    office: Here,
    service: Name,
    ecosystem: Ecosystem,
    name: SecretName,
    order: wire.Order,
    response: Response,
    key: Key = None,
) -> wire.Intent:
    args = {"service": office.service(service).service, "ecosystem": ecosystem.value, "name": name}
    return ask(office, response, key, IntentVerb.REMOVE_SECRET, args, order.by, order.why)


def read_all(
    office: Here, service: Annotated[str | None, Query(max_length=100, description="Only of this one.")] = None
) -> list[wire.Secret]:
    only = None if service is None else office.service(service).service
    store, seen = office.store, office.latest()
    releases, open_rollouts = store.releases(), store.rollouts(open_only=True)
    states = [s for s in store.services().values() if not s.removed and only in (None, s.service)]
    return [row for state in states for row in _rows(state, releases, open_rollouts, seen)]


def _rows(state: ServiceState, releases: Releases, rollouts: Sequence[Rollout], seen: Seen) -> Iterator[wire.Secret]:
    """Those that are set, and those that something names and that are not."""
    needed = _needed(state, releases, rollouts)
    for ecosystem in Ecosystem:
        there = state.secrets.get(ecosystem, {})
        for name in sorted({*there, *needed}):
            secret = there.get(name)
            yield wire.Secret(
                service=state.service,
                ecosystem=ecosystem,
                name=name,
                version=secret.version if secret else None,
                at=secret.at if secret else None,
                by=secret.by if secret else None,
                needed=needed.get(name, []),
                rotating=rotating(state, ecosystem, seen) if secret and name in needed else "",
            )


def _needed(state: ServiceState, releases: Releases, rollouts: Sequence[Rollout]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if state.baseline is not None:
        for name in releases[state.baseline].definition.secrets:
            found.setdefault(name, []).append(f"{state.baseline} in production")
    for rollout in rollouts:
        if rollout.service == state.service and rollout.release is not None:
            for name in releases[rollout.release].definition.secrets:
                found.setdefault(name, []).append(f"rollout {rollout.id}")
    return found
