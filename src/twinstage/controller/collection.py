"""What nobody needs any more goes: decided and written down first, then carried out, looking again before each step."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused
from twinstage.controller.situation import Situation
from twinstage.model.holding import Collection, Holding, HoldingKind
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import Intent, ServiceState
from twinstage.retention.needs import Needs, kept, needs
from twinstage.retention.verdict import needed, verdicts
from twinstage.runtime.runtime import Unavailable
from twinstage.store.rows import Change, Entry

log = logging.getLogger(__name__)


class Collector:
    """Once an hour by itself. Times are those of the ticks."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._due: datetime | None = None

    def collect(self, situation: Situation, now: datetime) -> None:
        """Begin a collection when one is due; go on with the one that is open."""
        means = self._means
        self._due = self._due or now + means.bounds.first
        if set(means.seen) != set(Ecosystem):
            return
        try:
            if now >= self._due:
                self._due = now + means.bounds.every
                begun = decided(situation, means, now, TWINSTAGE)
                if begun is not None and means.store.collection() is None:
                    means.store.commit(begun)
            if (present := means.store.collection()) is not None:
                carry_out(present, means, now)
        except (Unavailable, OSError) as trouble:
            log.warning("cannot collect what nobody needs now: %s", trouble)


def prune(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """The same, now, because somebody asks."""
    if means.store.collection() is not None:
        return Outcome(answer="what nobody needs is being collected already")
    if unseen := [eco for eco in Ecosystem if eco not in means.seen]:
        raise Refused(f"cannot prune: {unseen[0]} cannot be seen now, and may run anything; ask again when it can")
    try:
        change = decided(situation, means, now, intent.by)
    except (Unavailable, OSError) as trouble:
        raise Refused(f"cannot prune: {trouble}; ask again in a moment") from trouble
    if change is None or change.collection is None:
        return Outcome(answer="there is nothing to collect: everything that is held is needed, or of late")
    return Outcome(answer=f"collecting {_told(change.collection.holdings)}", change=change)


def decided(situation: Situation, means: Means, now: datetime, by: str) -> Change | None:
    """What is to go, and the baselines that can then not be gone back to; None: nothing is."""
    held = (*means.runtime.holdings(), *means.shelf.holdings())
    going = [v.holding for v in verdicts(held, _needs(means, now), means.bounds, now) if v.goes]
    shorter = [(svc, _shorter(svc, means, now)) for svc in situation.services.values()]
    services = tuple((before, after) for before, after in shorter if before != after)
    if not going and not services:
        return None
    journal = [_trimmed(before, after, by) for before, after in services if before.baselines != after.baselines]
    journal += [_forgotten(before, by) for before, after in services if before.secrets != after.secrets]
    collection = None
    if going:
        until = now + means.bounds.patience
        collection = Collection(id=means.new_id()[:8], at=now, until=until, by=by, holdings=tuple(going))
        journal.append(Entry(who=by, what="prune", why=f"collects {_told(going)}", after=collection.id))
    return Change(at=now, services=services, collection=collection, journal=tuple(journal))


def carry_out(collection: Collection, means: Means, now: datetime) -> None:
    """What is still not needed goes. Raises Unavailable: then it is gone on with at the next tick, until its time is over."""
    if now < collection.until:
        # Asked again: a commit may have come since that has the same tree.
        present = _needs(means, now)
        going = [holding for holding in collection.holdings if not needed(holding, present)]
        for holding in going:
            means.shelf.discard(holding)  # first: what is known of a tree goes before the tree
        theirs = [holding for holding in going if holding.place is not None]
        if theirs:
            means.runtime.discard(theirs, means.fence)
    means.store.commit(Change(at=now, collection=replace(collection, done=now)))
    log.info("collected %s", _told(collection.holdings))


def _needs(means: Means, now: datetime) -> Needs:
    situation = means.situation()
    return needs(
        services=situation.services,
        releases=situation.releases,
        rollouts=means.store.rollouts(),
        unfinished=means.store.jobs(unfinished=True),
        seen=means.seen,
        read=means.store.last_crossings(),
        bounds=means.bounds,
        now=now,
    )


def _shorter(service: ServiceState, means: Means, now: datetime) -> ServiceState:
    """With the baselines that stay: nobody may go back to what is collected. A removed service's secrets go with its last."""
    stay = kept(service, means.bounds, now)
    gone = service.removed_at is not None and now - service.removed_at > means.bounds.removed
    secrets = {} if service.removed and gone else service.secrets
    return replace(service, baselines=stay, pin=service.pin if stay else None, secrets=secrets)


def _forgotten(service: ServiceState, by: str) -> Entry:
    why = f"the secrets of {service.service}, which was removed, are let go of"
    return Entry(who=by, what="secret", why=why, service=service.service)


def _trimmed(before: ServiceState, after: ServiceState, by: str) -> Entry:
    gone = ", ".join(before.baselines[: len(before.baselines) - len(after.baselines)])
    return Entry(
        who=by,
        what="prune",
        why=f"{before.service} cannot be rolled back to {gone} any more",
        service=before.service,
        before=str(len(before.baselines)),
        after=str(len(after.baselines)),
    )


def _told(holdings: Sequence[Holding]) -> str:
    """``2 artifacts, 1 export: 104 MiB``."""
    counts = {kind: sum(h.kind is kind for h in holdings) for kind in HoldingKind}
    words = [f"{count} {_plural(kind, count)}" for kind, count in counts.items() if count]
    return f"{', '.join(words)}: {max(1, sum(h.bytes for h in holdings) >> 20)} MiB"


def _plural(kind: HoldingKind, count: int) -> str:
    words = {HoldingKind.CROSSINGS: "read file of crossings" if count == 1 else "read files of crossings"}
    return words.get(kind, f"{kind.value.replace('-', ' ')}{'s' * (count != 1)}")
