"""Handlers that only read. They run in threads, except those that wait."""

import asyncio
from typing import Annotated

from fastapi import Path, Query
from starlette.concurrency import run_in_threadpool

from twinstage import wire
from twinstage.api import crossings, databases, documents, history, rows
from twinstage.api.documents import PHASE
from twinstage.api.journey import journey
from twinstage.api.office import Here, Office
from twinstage.api.probes import probes
from twinstage.api.sight import look
from twinstage.api.status import status
from twinstage.model.names import RolloutId, ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout
from twinstage.pipeline.beyond import shared

LONGEST_POLL = 10.0
"""Seconds that a long poll is held at most."""

Name = Annotated[str, Path(min_length=1, max_length=100, description="A service's name.")]
RolloutName = Annotated[str, Path(min_length=1, max_length=100, description="A rollout's id, or its beginning.")]
Identifier = Annotated[str, Path(min_length=1, max_length=100)]
Wait = Annotated[float, Query(ge=0, le=LONGEST_POLL, description="Hold the answer this many seconds at most.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Word = Annotated[str | None, Query(max_length=100)]


async def read_status(
    office: Here,
    after: Annotated[str | None, Query(max_length=64, description="A version: answer when there is another.")] = None,
    wait: Wait = 0,
) -> wire.Status:
    return await _until_other(office, after, wait)


async def _until_other(office: Office, after: str | None, wait: float) -> wire.Status:
    end = asyncio.get_running_loop().time() + wait
    while True:
        found = await run_in_threadpool(lambda: status(look(office)))
        if found.version != after or asyncio.get_running_loop().time() >= end:
            return found
        # The controller looks once a second: four times that is soon enough for eyes, and cheap.
        await asyncio.sleep(0.25)


def list_services(office: Here) -> list[wire.ServiceRow]:
    sight = look(office)
    return [rows.row(sight, service) for service in sight.services.values()]


def read_service(office: Here, service: Name) -> wire.Service:
    state = office.service(service)
    sight = look(office, only=[service])
    return wire.Service(
        **dict(rows.row(sight, state)),
        repository=state.repository,
        branch=state.branch,
        path=state.path,
        baselines=list(state.baselines),
        instances=rows.instances(sight, state),
        databases=databases.of_service(office.store, state, sight.behind),
        jobs=[documents.job(job) for job in office.store.lone_jobs(state.service)],
    )


def list_instances(office: Here) -> list[wire.Instance]:
    sight = look(office)
    return [it for service in sight.services.values() for it in rows.instances(sight, service)]


def list_rollouts(
    office: Here,
    service: Word = None,
    release: Word = None,
    open: Annotated[bool, Query(description="Only those that are under way.")] = False,
    limit: Limit = 50,
) -> list[wire.Rollout]:
    name = office.service(service).service if service is not None else None
    # A release is rarely asked for, and the store cannot search by it: then all are looked through.
    found = office.store.rollouts(service=name, open_only=open, limit=None if release else limit)
    if release:
        found = [r for r in found if r.release is not None and r.release.startswith(release)][:limit]
    return [_rollout(office, r) for r in found]


def read_rollout(office: Here, rollout: RolloutName) -> wire.Rollout:
    return _rollout(office, office.store.rollout(rollout))


def _rollout(office: Office, found: Rollout) -> wire.Rollout:
    journal = office.store.journal(rollout=found.id, tail=True) if found.state not in PHASE else []
    return documents.rollout(found, history.phase(found, journal))


def read_why(office: Here, rollout: RolloutName) -> wire.Journey:
    return journey(office, office.store.rollout(rollout))


def read_history(office: Here, service: Word = None, limit: Limit = 20) -> list[wire.Passage]:
    name = office.service(service).service if service is not None else None
    now, store = office.now(), office.store
    found = []
    for rollout in store.rollouts(service=name, limit=limit):
        passed = sum(e.passed for e in store.evidence(rollout.service, rollout.commit))
        changed = databases.changed_in_production(databases.of_rollout(store, rollout))
        found.append(history.passage(rollout, store.journal(rollout=rollout.id, tail=True), passed, changed, now))
    return found


def read_journal(
    office: Here,
    after: Annotated[int, Query(ge=0, le=1 << 62, description="Entries with a higher seq.")] = 0,
    service: Word = None,
    rollout: Word = None,
    what: Annotated[str | None, Query(max_length=20, description="Only of this kind: `visit`, `freeze`, ...")] = None,
    newest: Annotated[bool, Query(description="The last ones, not the first.")] = False,
    limit: Limit = 200,
) -> list[wire.JournalEntry]:
    name = ServiceName(service) if service is not None else None
    which = RolloutId(rollout) if rollout is not None else None
    rows = office.store.journal(after=after, service=name, rollout=which, what=what, limit=limit, tail=newest)
    return [documents.entry(r) for r in rows]


def read_boundary(office: Here) -> wire.Boundary:
    report = office.runtime.boundary()
    sentinels = office.runtime.sentinels()
    lacks = documents.lacks(report, sentinels)
    return wire.Boundary(
        enforced=report.enforced,
        attributes=report.attributes,
        means=list(report.means),
        lacking=[f"{it.name}: {it.means}; it would take {it.takes}" for it in lacks],
        lacks=lacks,
        shared=[wire.SharedHost(service=it.service, host=it.host, why=it.why) for it in shared(_running(office))],
        limits=documents.limits(report),
        crossings=[documents.crossing(c) for c in office.store.crossings(limit=20)],
        totals=crossings.totals(office),
        sentinels=crossings.sentinels(sentinels),
        probes=probes(office.store),
    )


def _running(office: Office) -> list[Release]:
    """Releases that production runs or that are on their way."""
    store = office.store
    named = {s.baseline for s in store.services().values()} | {r.release for r in store.rollouts(open_only=True)}
    return [release for name, release in store.releases().items() if name in named]


async def read_intent(office: Here, intent: Identifier, wait: Wait = 0) -> wire.Intent:
    """Held until the controller has answered it."""
    end = asyncio.get_running_loop().time() + wait
    while True:
        found = await run_in_threadpool(office.store.intent, intent)
        if found.answered is not None or asyncio.get_running_loop().time() >= end:
            return documents.intent(found)
        await asyncio.sleep(0.05)
