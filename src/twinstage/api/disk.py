"""What is held and why: the same judgement as the controller's when it collects."""

from twinstage import wire
from twinstage.api.office import Here, Office
from twinstage.api.problems import Trouble
from twinstage.model.names import Ecosystem
from twinstage.retention.bounds import Bounds
from twinstage.retention.needs import needs
from twinstage.retention.verdict import Verdict, verdicts
from twinstage.runtime.runtime import Unavailable


def read_disk(office: Here) -> wire.Disk:
    store = office.store
    last = store.collection(open_only=False)
    found = [_held(verdict) for verdict in judged(office)]
    return wire.Disk(
        at=office.now(),
        bytes=sum(held.bytes for held in found),
        collectable=sum(held.bytes for held in found if held.goes),
        collecting=last is not None and last.done is None,
        collected=last.done if last is not None else None,
        held=found,
    )


def judged(office: Office) -> tuple[Verdict, ...]:
    """Everything that is held. Raises Trouble while it cannot be told."""
    store, seen, now, bounds = office.store, office.latest(), office.now(), Bounds()
    if set(seen) != set(Ecosystem):
        detail = "the controller has not yet looked at both ecosystems, and what it has not seen may run anything"
        raise Trouble(503, "cannot tell what is held and why", detail, "ask again in a moment")
    try:
        held = office.holdings()
    except (Unavailable, OSError) as trouble:
        raise Trouble(503, "cannot tell what is held and why", str(trouble), "ask again in a moment") from None
    present = needs(
        services=store.services(),
        releases=store.releases(),
        rollouts=store.rollouts(),
        unfinished=store.jobs(unfinished=True),
        seen=seen,
        read=store.last_crossings(),
        bounds=bounds,
        now=now,
    )
    return verdicts(held, present, bounds, now)


def _held(verdict: Verdict) -> wire.Held:
    it = verdict.holding
    return wire.Held(
        kind=it.kind,
        name=it.name,
        service=it.service,
        place=it.place,
        bytes=it.bytes,
        at=it.at,
        goes=verdict.goes,
        why=verdict.why,
    )
