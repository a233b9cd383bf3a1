"""Reads from the store what ``status`` is made of. The only place of the status that touches the store."""

from collections.abc import Iterable
from datetime import timedelta

from twinstage.api.documents import PHASE
from twinstage.api.office import Office
from twinstage.api.probes import probes
from twinstage.api.problems import Trouble
from twinstage.api.rows import Sight
from twinstage.controller.standing import behind
from twinstage.model.rollout import State

PAST = 10
"""Rollouts of a service to look back on: enough to find since when production runs what it runs."""
CROSSINGS = 1000


def look(office: Office, only: Iterable[str] | None = None) -> Sight:
    """Everything at this moment; ``only`` these services where given. Raises Trouble before the first ``up``."""
    store = office.store
    file = store.ecosystem()
    if file is None:
        detail = "it has not been told what it is made of yet"
        raise Trouble(409, "cannot show the company", detail, "`twinstage up FILE` tells it")
    now = office.now()
    wanted = None if only is None else set(only)
    services = {n: s for n, s in store.services().items() if not s.removed and (wanted is None or n in wanted)}
    rollouts = [r for r in store.rollouts(open_only=True) if r.service in services]
    releases = store.releases()
    gating = [r for r in rollouts if r.state is State.GATING]
    return Sight(
        at=now,
        name=file.name,
        policy=file.policy,
        services=services,
        releases=releases,
        open=rollouts,
        past={name: store.rollouts(service=name, limit=PAST) for name in services},
        passed={r.id: sum(e.passed for e in store.evidence(r.service, r.commit)) for r in gating},
        journals={r.id: store.journal(rollout=r.id, tail=True) for r in rollouts if r.state not in PHASE},
        crossings=store.attributed(since=now - timedelta(hours=24), limit=CROSSINGS),
        breaks=store.mirror_breaks(open_only=True),
        freezes=store.freezes(),
        seen=office.latest(),
        behind=behind(store, services, releases, store.ready()),
        boundary=office.runtime.boundary(),
        hindered=office.hindered(),
        probes=probes(store),
    )
