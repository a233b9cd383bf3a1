"""Secrets: which names are set, and when what runs with an old value has to be replaced. Values stay in the vault.

A value is taken into the vault first, then the decision is written. Killed in between, the next controller finds the intent
still pending and its offer still there, and takes it again.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused, service_of
from twinstage.controller.situation import Situation
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.rollout import Intent, ServiceState
from twinstage.model.secret import Secret
from twinstage.model.seen import Observed
from twinstage.store.rows import Change, Entry
from twinstage.store.trouble import Unknown
from twinstage.vault import VaultTrouble

log = logging.getLogger(__name__)

YOUNG = timedelta(minutes=10)
"""An offer is kept this long without an intent: whoever brought it is about to write one."""


def set_secret(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """A first value restarts nothing: nothing can run there that has it. One that replaces another makes the service's
    secrets a new number, and so every workload that has them a new one beside the old."""
    service, name, ecosystem = _named(intent, situation)
    known = service.secrets.get(ecosystem, {}).get(name)
    old = service.secrets_version[ecosystem]
    rotates = known is not None and bool(_users(service, name, ecosystem, situation, means))
    number = old + 1 if rotates else old
    try:
        means.vault[ecosystem].take(intent.id, old, number)
    except (VaultTrouble, OSError) as trouble:
        raise Refused(f"cannot set {name} of {service.service} in {ecosystem}: {trouble}; then set it again") from None
    version = 1 if known is None else known.version + 1
    secret = Secret(name=name, version=version, at=now, by=intent.by)
    after = _with(service, ecosystem, {**service.secrets.get(ecosystem, {}), name: secret}, number)
    then = "instances with the new value replace those with the old one" if rotates else "nothing has to be restarted"
    answer = f"{name} of {service.service} is set in {ecosystem}, version {version}: {then}"
    what = f"{name} is set in {ecosystem}" + (f", secrets {number} of it" if rotates else "")
    line = _line(service, intent, what, known.version if known else None, version)
    return Outcome(
        answer=answer, service=service.service, change=Change(at=now, services=((service, after),), journal=(line,))
    )


def remove_secret(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """Only what nothing there has: a release that names it would not start again."""
    service, name, ecosystem = _named(intent, situation)
    cannot = f"cannot remove {name} of {service.service} in {ecosystem}"
    there = service.secrets.get(ecosystem, {})
    if name not in there:
        raise Refused(f"{cannot}: it is not set; `twinstage secret list {service.service}` shows what is")
    if users := _users(service, name, ecosystem, situation, means):
        raise Refused(f"{cannot}: {users[0]} names it; ship a release that does without it first")
    left = {other: secret for other, secret in there.items() if other != name}
    after = _with(service, ecosystem, left, service.secrets_version[ecosystem])
    line = _line(service, intent, f"{name} is removed from {ecosystem}: {intent.why}", there[name].version, None)
    answer = f"{name} of {service.service} is gone from {ecosystem}"
    return Outcome(
        answer=answer, service=service.service, change=Change(at=now, services=((service, after),), journal=(line,))
    )


def retain(means: Means, situation: Situation) -> None:
    """What neither a decision nor a workload needs goes from the vaults. Old numbers stay as long as one of their workloads is
    there; a rollback never needs one, since it runs with the present values."""
    for ecosystem, seen in means.seen.items():
        try:
            vault = means.vault[ecosystem]
            vault.keep(
                partial(_kept, situation, seen),
                [id for id, at in vault.waiting().items() if _waits(id, at, means, seen.at)],
            )
        except (VaultTrouble, OSError) as trouble:
            log.error("cannot let go of old secrets in %s: %s", ecosystem, trouble)


def _kept(situation: Situation, seen: Observed, name: ServiceName) -> Mapping[int, frozenset[str] | None]:
    numbers: dict[int, frozenset[str] | None] = {key.secrets: None for key in seen.by_service.get(name, {})}
    if (service := situation.services.get(name)) is not None:
        present = frozenset(service.secrets.get(seen.ecosystem, {}))
        numbers.pop(service.secrets_version[seen.ecosystem], None)
        numbers |= {service.secrets_version[seen.ecosystem]: present} if present else {}
    return numbers


def _waits(id: str, at: datetime, means: Means, now: datetime) -> bool:
    try:
        return means.store.intent(id).answered is None
    except Unknown:
        return now - at < YOUNG


def _named(intent: Intent, situation: Situation) -> tuple[ServiceState, str, Ecosystem]:
    service = service_of(intent, situation)
    if not intent.by:
        raise Refused(f"cannot {intent.verb} of {service.service}: say who you are; it stays in the journal")
    return service, intent.args["name"], Ecosystem(intent.args["ecosystem"])


def _users(
    service: ServiceState, name: str, ecosystem: Ecosystem, situation: Situation, means: Means
) -> tuple[str, ...]:
    """Who may have that secret there, now or soon: half sentences for people."""
    found = []
    if service.baseline is not None and name in situation.releases[service.baseline].definition.secrets:
        found.append(f"{service.baseline}, which production runs,")
    for rollout in situation.open_of(service.service):
        release = situation.release_of(rollout)
        if release is not None and name in release.definition.secrets:
            found.append(f"{release.id} of rollout {rollout.id}")
    observed = means.seen.get(ecosystem)
    for key in () if observed is None else observed.workloads:
        release = situation.releases.get(key.release)
        if key.service == service.service and release is not None and name in release.definition.secrets:
            found.append(f"{key.release}, which runs there,")
    return tuple(found)


def _with(service: ServiceState, ecosystem: Ecosystem, there: Mapping[str, Secret], number: int) -> ServiceState:
    return replace(
        service,
        secrets={**service.secrets, ecosystem: there},
        secrets_version={**service.secrets_version, ecosystem: number},
    )


def _line(service: ServiceState, intent: Intent, why: str, before: int | None, after: int | None) -> Entry:
    states = [None if version is None else f"version {version}" for version in (before, after)]
    return Entry(who=intent.by, what="secret", why=why, service=service.service, before=states[0], after=states[1])
