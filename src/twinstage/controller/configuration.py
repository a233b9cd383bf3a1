"""The company's file: services come, move and go; the standard changes."""

from dataclasses import replace
from datetime import datetime

from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused, service_of
from twinstage.controller.situation import Situation
from twinstage.model.encoding import loads
from twinstage.model.names import ServiceName
from twinstage.model.policy import EcosystemFile
from twinstage.model.rollout import Intent


def configure(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """Takes the file whole. A service that is no longer in it is removed, unless somebody still needs it."""
    del now
    try:
        file = loads(EcosystemFile, intent.args.get("file", ""))
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(f"cannot take the ecosystem's file: it cannot be read ({error}); send it again") from error
    known = means.store.ecosystem()
    if known is not None and known.name != file.name:
        raise Refused(
            f"cannot take the ecosystem's file: it names {file.name}, and this is {known.name}; "
            "a company keeps its name: bring up another one beside it"
        )
    named = {entry.service for entry in file.services}
    gone = [name for name, svc in situation.services.items() if not svc.removed and name not in named]
    for name in gone:
        if why := _needed(name, set(gone), situation):
            raise Refused(f"cannot remove {name}: {why}; put it back into ecosystem.yaml until then")
    new = [entry.service for entry in file.services if entry.service not in situation.services]
    words = [f"{len(file.services)} services"]
    words += [f"new: {', '.join(new)}"] if new else []
    words += [f"removed: {', '.join(gone)}"] if gone else []
    return Outcome(answer=f"{file.name} is in force: {'; '.join(words)}", configures=file)


def remove(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """One service goes: the company's file without its entry comes into force, and the rest follows from that."""
    service = service_of(intent, situation)
    if not intent.by or not intent.why:
        raise Refused(f"cannot remove {service.service}: say who you are and why; it stays in the journal")
    if why := _needed(service.service, {service.service}, situation):
        raise Refused(f"cannot remove {service.service}: {why}; {_first(why)}")
    known = means.store.ecosystem()
    assert known is not None, "a service comes from a file"
    file = replace(known, services=tuple(e for e in known.services if e.service != service.service))
    if not file.services:
        raise Refused(
            f"cannot remove {service.service}: it is the company's last service; `twinstage down` stops the company"
        )
    answer = (
        f"{service.service} is removed: its routes go, then its instances, in both ecosystems; its ports stay its own. "
        f"Take it out of ecosystem.yaml too: while that names it, the next `twinstage up` brings it back"
    )
    del now
    return Outcome(answer=answer, service=service.service, configures=file)


def _first(why: str) -> str:
    if why.startswith("rollout"):
        return "abort it, or wait for its end"
    return "ship a release of the other that does without it"


def _needed(name: ServiceName, gone: set[ServiceName], situation: Situation) -> str:
    """Why this service cannot go yet; empty when it can."""
    if mine := situation.open_of(name):
        return f"rollout {mine[-1].id} of it is {mine[-1].state.value}"
    for svc in situation.services.values():
        if svc.service in gone or svc.removed or svc.baseline is None:
            continue
        if name in situation.releases[svc.baseline].definition.depends_on:
            return f"{svc.service} depends on it in production"
    for rollout in situation.rollouts.values():
        release = situation.release_of(rollout)
        if release is not None and rollout.service not in gone and name in release.definition.depends_on:
            return f"rollout {rollout.id} of {rollout.service} depends on it"
    return ""
