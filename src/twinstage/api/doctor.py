"""Everything that has no owner, no deadline or no reason, in one list. Takes its time: the whole store is read."""

import logging
from collections.abc import Iterator

from twinstage import wire
from twinstage.api.disk import judged
from twinstage.api.office import Here, Office
from twinstage.api.problems import Trouble
from twinstage.checkup import decisions, holdings, world
from twinstage.model.finding import Finding
from twinstage.model.release import Artifact
from twinstage.retention.bounds import Bounds
from twinstage.retention.needs import kept

log = logging.getLogger(__name__)


def examine(office: Here) -> wire.Examination:
    found = [*_controller(office), *_store(office)]
    try:
        services, lanes = (
            sum(not svc.removed for svc in office.store.services().values()),
            office.store.policy().max_lanes,
        )
        found += [*_decisions(office), *_world(office), *_disk(office)]
    except (ValueError, TypeError, KeyError) as trouble:
        if not found:
            raise
        # Rows that cannot be read are named already; what rests on them cannot be looked at.
        services, lanes = 0, 0
        log.warning("cannot examine more than the store itself: %r", trouble)
    found += office.runtime.troubles()
    return wire.Examination(
        at=office.now(),
        services=services,
        lanes=lanes,
        findings=[wire.Finding(about=f.about, what=f.what, advice=f.advice, since=f.since) for f in found],
    )


def _controller(office: Office) -> Iterator[Finding]:
    if what := office.hindered():
        advice = "is there room on its disk? controller.log of the core has the traceback; it tries again each second"
        yield Finding(about="the controller", what=f"cannot do its work: {what}", advice=advice)


def _store(office: Office) -> Iterator[Finding]:
    advice = "stop (`twinstage down`), keep a copy of the file, and put back the last good one"
    for what in office.store.integrity():
        yield Finding(about=f"the store {office.store.path}", what=what, advice=advice)


def _decisions(office: Office) -> Iterator[Finding]:
    store, now = office.store, office.now()
    yield from decisions.rollouts(store.rollouts(open_only=True), now)
    yield from decisions.intents(store.intents(), now)
    yield from decisions.jobs(store.jobs(unfinished=True), {r.id: r for r in store.rollouts()}, now)
    yield from decisions.clones(store.clones(), store.rollouts(), now)
    yield from decisions.breaks(store.mirror_breaks(), now)
    yield from decisions.collection(store.collection(), now)


def _world(office: Office) -> Iterator[Finding]:
    store, now, seen = office.store, office.now(), office.latest()
    services = store.services()
    yield from world.parts(seen, now)
    yield from world.workloads(seen, services, store.releases(), store.rollouts(), store.policy(), now)
    yield from world.routes(seen, services)
    yield from world.jobs(office.jobs().values(), {job.id: job.rollout for job in store.jobs()}, now)


def _disk(office: Office) -> Iterator[Finding]:
    store, now = office.store, office.now()
    try:
        verdicts = judged(office)
    except Trouble as trouble:
        yield Finding(about="the disk", what=trouble.problem.detail, advice=trouble.problem.hint)
        return
    yield from holdings.ownerless(verdicts, now)
    yield from holdings.uncollected(verdicts, store.collection(open_only=False), now)
    yield from _damaged(office)


def _damaged(office: Office) -> Iterator[Finding]:
    releases = office.store.releases()
    for service in office.store.services().values():
        for id in kept(service, Bounds(), office.now()):
            what = _state(office, releases[id].artifact)
            if what:
                how = f"submit commit {releases[id].commit[:12]} again"
                yield Finding(
                    about=service.service,
                    what=f"the artifact of {id} {what}",
                    advice=f"{how}: what runs goes on running until then",
                )


def _state(office: Office, artifact: Artifact) -> str:
    """What is wrong with it; empty when nothing is."""
    try:
        return "" if office.intact(artifact) else "is no longer what its build made"
    except OSError as trouble:
        return f"cannot be checked: {trouble}"
