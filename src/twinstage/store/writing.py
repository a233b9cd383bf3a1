"""Puts a Change into its tables, on the caller's transaction."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, func, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert

from twinstage.model.encoding import dumps, encode
from twinstage.model.facts import MirrorBreak
from twinstage.model.holding import Collection
from twinstage.model.job import Job
from twinstage.model.rollout import Freeze, Intent, Rollout, ServiceState
from twinstage.store import data
from twinstage.store import tables as t
from twinstage.store.rows import Attributed, Change
from twinstage.store.trouble import Conflict


def write(connection: Connection, change: Change) -> None:
    for release in change.releases:
        values = {"id": release.id, "service": release.service, "body": dumps(release)}
        connection.execute(insert(t.releases).prefix_with("OR IGNORE").values(values))
    # Those that leave production first: one transaction may hand a service's place there from one rollout to the next.
    for before, after in sorted(change.rollouts, key=lambda pair: pair[1].share):
        _rollout(connection, before, after)
    for old, new in change.services:
        _service(connection, old, new)
    for job in change.jobs:
        _job(connection, job)
    for job in change.results:
        _result(connection, job)
    data.write(connection, change)
    for item in change.evidence:
        shown = insert(t.evidence).values(service=item.service, commit_id=item.commit, gate=item.gate, body=dumps(item))
        connection.execute(shown)
    _crossings(connection, change.crossings)
    for ecosystem, number in change.read:
        _read(connection, ecosystem.value, number)
    for broken in change.breaks:
        _break(connection, broken)
    for broken in change.retold:
        _break(connection, broken, retold=True)
    for watch in change.watches:
        body = dumps(watch)
        row = upsert(t.windows).values(rollout=watch.rollout, body=body)
        connection.execute(row.on_conflict_do_update(index_elements=["rollout"], set_={"body": body}))
    for freeze in change.freezes:
        _freeze(connection, freeze)
    for over in change.thaws:
        connection.execute(delete(t.freezes).where(t.freezes.c.scope == (over.service or "")))
    if change.collection is not None:
        _collection(connection, change.collection)
    if change.intent is not None:
        _intent(connection, change.intent)
    for entry in change.journal:
        connection.execute(insert(t.journal).values(at=encode(change.at), **encode(entry)))


def _rollout(connection: Connection, before: Rollout | None, after: Rollout) -> None:
    if before is None:
        row = {"id": after.id, "service": after.service, "state": after.state.value, "open": after.open}
        connection.execute(insert(t.rollouts).values(**row, version=after.version, body=dumps(after)))
        return
    saved = replace(after, version=before.version + 1)
    here = (t.rollouts.c.id == before.id) & (t.rollouts.c.version == before.version)
    saving = (
        update(t.rollouts)
        .where(here)
        .values(state=saved.state.value, open=saved.open, version=saved.version, body=dumps(saved))
    )
    if connection.execute(saving).rowcount != 1:
        raise Conflict(f"cannot save rollout {before.id}: it is no longer at version {before.version}")


def _service(connection: Connection, before: ServiceState, after: ServiceState) -> None:
    saved = replace(after, version=before.version + 1)
    here = (t.services.c.name == before.service) & (t.services.c.version == before.version)
    row = {"version": saved.version, "body": dumps(saved)}
    if connection.execute(update(t.services).where(here).values(row)).rowcount != 1:
        raise Conflict(f"cannot save service {before.service}: it is no longer at version {before.version}")


def _job(connection: Connection, job: Job) -> None:
    row = {"id": job.id, "rollout": job.rollout, "about": data.about_job(job), "finished": job.result is not None}
    connection.execute(insert(t.jobs).prefix_with("OR IGNORE").values(**row, body=dumps(job)))


def _result(connection: Connection, job: Job) -> None:
    # A result is written once; whoever comes later changes nothing.
    here = (t.jobs.c.id == job.id) & ~t.jobs.c.finished
    connection.execute(update(t.jobs).where(here).values(finished=job.result is not None, body=dumps(job)))


def _crossings(connection: Connection, items: Sequence[Attributed]) -> None:
    """All in one statement: a flood brings thousands in a tick."""
    if not items:
        return
    row = upsert(t.crossings)
    new = row.excluded
    again = {"release": new.release, "at": new.at, "body": new.body, "count": t.crossings.c.count + new.count}
    which = ["ecosystem", "owner", "target", "kind"]
    connection.execute(row.on_conflict_do_update(index_elements=which, set_=again), [_crossing(it) for it in items])
    # In the same transaction: whoever is killed here reads on from where the recording ended.
    for ecosystem in {it.crossing.ecosystem for it in items}:
        _read(connection, ecosystem.value, max(it.crossing.seq for it in items if it.crossing.ecosystem is ecosystem))


def _crossing(item: Attributed) -> dict[str, Any]:
    seen = item.crossing
    at, which = encode(seen.at), {"ecosystem": seen.ecosystem.value, "target": seen.target, "kind": seen.kind}
    more = {"owner": item.owner, "release": item.release, "body": dumps(item), "count": seen.count}
    return {**which, **more, "first": at, "at": at}


def _read(connection: Connection, ecosystem: str, number: int) -> None:
    far = upsert(t.crossings_read).values(ecosystem=ecosystem, number=number)
    more = {"number": func.max(t.crossings_read.c.number, number)}
    connection.execute(far.on_conflict_do_update(index_elements=["ecosystem"], set_=more))


def _break(connection: Connection, item: MirrorBreak, retold: bool = False) -> None:
    row = {"open": item.until is None, "until": encode(item.until), "body": dumps(item)}
    if item.until is None and not retold:
        connection.execute(insert(t.mirror_breaks).values(service=item.service, **row))
        return
    here = (t.mirror_breaks.c.service == item.service) & t.mirror_breaks.c.open
    connection.execute(update(t.mirror_breaks).where(here).values(row))


def _freeze(connection: Connection, freeze: Freeze) -> None:
    body = dumps(freeze)
    row = upsert(t.freezes).values(scope=freeze.service or "", body=body)
    connection.execute(row.on_conflict_do_update(index_elements=["scope"], set_={"body": body}))


def _collection(connection: Connection, item: Collection) -> None:
    if item.done is None:
        connection.execute(insert(t.collections).values(open=True, body=dumps(item)))
    else:
        connection.execute(update(t.collections).where(t.collections.c.open).values(open=False, body=dumps(item)))


def _intent(connection: Connection, intent: Intent) -> None:
    row = {"pending": intent.answered is None, "body": dumps(intent)}
    connection.execute(update(t.intents).where(t.intents.c.id == intent.id).values(row))
