"""Data that a release needs: what comes next, what is held back, and what a rollback would meet."""

from dataclasses import replace

import pytest
from handmade import HEALTHY, LANE, NOW, POLICY, PRODUCTION, STAGING, at, facts, key, look, release, rollout, service
from handmade import job as job_
from handmade import workload as seen
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.desired.desired import desired, lane_stands
from twinstage.jobs.databases import ALL
from twinstage.model.database import Behind, DataKey, Migration
from twinstage.model.facts import Event
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, JobId, LaneId, Phase, Place, ReleaseId, RolloutId, ServiceName
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Kind, Rollout, State
from twinstage.pipeline.advance import advance
from twinstage.pipeline.databases import behind, task
from twinstage.pipeline.keys import data_key, lane_key
from twinstage.pipeline.retreat import retreating
from twinstage.pipeline.schema import changes_since
from twinstage.plan.actions import PutWorkload
from twinstage.plan.plan import plan

ORDERS = ServiceName("orders")
STORES = {"orders": "python -m orders.migrate", "plain": None}
R1, R2 = release("r1", databases=STORES), release("r2", databases=STORES)
RELEASES = {R1.id: R1, R2.id: R2}
OK, FAILED, LOST = JobResult.SUCCEEDED, JobResult.FAILED, JobResult.LOST


def data(ecosystem: Ecosystem, rel: str = "r2", which: str = "main") -> DataKey:
    return DataKey(ecosystem=ecosystem, service=ORDERS, data=which, release=ReleaseId(rel))


def job(ecosystem: Ecosystem, kind: JobKind, result: JobResult | None, which: str = "main", **more: object) -> Job:
    name = "orders" if kind is JobKind.MIGRATE else ALL
    place = Place(ecosystem.value)
    return job_(kind, name, result, place=place, release=ReleaseId("r2"), data=which, **more)


# ---- which data


def test_a_lane_with_databases_is_a_workload_of_its_own_and_becomes_no_mirror() -> None:
    candidate = rollout(State.STAGING)
    want = desired(STAGING, service("r1"), [candidate], RELEASES, POLICY)
    assert want.migrate == (("r1", "main"), ("r2", LANE))
    assert {w.key.data for w in want.workloads} == {"main", LANE}
    assert lane_key(candidate, service("r1"), replace(R2, definition=release("r2").definition)).data == "main"


def test_production_needs_its_own_data_for_what_it_runs_and_what_comes() -> None:
    want = desired(PRODUCTION, service("r1"), [rollout(State.CANARY, share=5)], RELEASES, POLICY)
    assert want.migrate == (("r1", "main"), ("r2", "main"))


def test_without_databases_nothing_has_to_be_ready() -> None:
    plain = {id: release(id) for id in ("r1", "r2")}
    assert desired(STAGING, service("r1"), [rollout(State.STAGING)], plain, POLICY).migrate == ()


# ---- the plan's first rule


@settings(max_examples=60)
@given(st.sets(st.sampled_from([data(STAGING, "r1"), data(STAGING, "r2", LANE), data(PRODUCTION, "r2")])))
def test_nothing_is_put_before_its_data_is_ready(ready: set[DataKey]) -> None:
    want = desired(STAGING, service("r1"), [rollout(State.STAGING)], RELEASES, POLICY)
    found = plan(want, look(STAGING), {}, NOW, {}, ready)
    puts = {data_key(a.workload.key) for a in found.actions if isinstance(a, PutWorkload)}
    assert puts == {k for k in ready if k.ecosystem is STAGING}
    held = {r.facts["release"] for r in found.waits if r.code == "UNMIGRATED"}
    assert held == {k.release for k in (data(STAGING, "r1"), data(STAGING, "r2", LANE)) if k not in ready}


def test_what_is_not_ready_takes_no_traffic_from_what_is() -> None:
    want = desired(STAGING, service("r2"), [], RELEASES, POLICY)
    before = look(STAGING, seen(key(STAGING, "r1"), HEALTHY))
    assert not plan(want, before, {}, NOW, {}, set()).actions


# ---- what comes next


def test_prepared_first_then_migrated_in_the_order_of_names() -> None:
    both = release("r2", databases={"b": "migrate b", "a": "migrate a", "c": None})
    prepared = job(PRODUCTION, JobKind.PREPARE, OK)
    assert task(both, []) is not None
    first, second = task(both, []), task(both, [prepared])
    assert first is not None and second is not None  # noqa: PT018
    assert (first.kind, second.kind, second.name) == (JobKind.PREPARE, JobKind.MIGRATE, "a")
    done = [prepared, *(job_(JobKind.MIGRATE, name, OK) for name in ("a", "b"))]
    assert task(both, done) is None


@pytest.mark.parametrize(
    ("result", "attempt", "alone", "seconds"),
    [(LOST, 1, False, 1), (LOST, 3, True, 5), (FAILED, 1, True, 60), (JobResult.TIMED_OUT, 9, True, 60)],
)
def test_pauses_grow_and_a_command_that_fails_is_given_the_longest(
    result: JobResult, attempt: int, alone: bool, seconds: int
) -> None:
    tried = [job(PRODUCTION, JobKind.PREPARE, OK), job(PRODUCTION, JobKind.MIGRATE, result, attempt=attempt)]
    found = task(R2, tried)
    assert found is not None
    assert found.due(alone) == at(5 + seconds)
    assert found.attempt == attempt + 1


# ---- what a rollout says

CANDIDATE = rollout(State.STAGING)


def said(subject: Rollout, *jobs: Job, **more: object) -> tuple[Event | None, str]:
    fields = {"release": R2, "service": service("r1"), "jobs": jobs, **more}
    decision = advance(subject, facts(look(STAGING), look(PRODUCTION), **fields), POLICY, at(1))
    return decision.event, decision.reason.code


def test_a_lane_tells_how_far_its_databases_are() -> None:
    prepared = job(STAGING, JobKind.PREPARE, OK, LANE)
    assert said(CANDIDATE) == (None, "PREPARING")
    assert said(CANDIDATE, job(STAGING, JobKind.PREPARE, None, LANE)) == (None, "PREPARING")
    assert said(CANDIDATE, prepared) == (None, "MIGRATING")
    assert said(CANDIDATE, prepared, job(STAGING, JobKind.MIGRATE, LOST, LANE)) == (None, "PLATFORM_TROUBLE")
    assert said(CANDIDATE, job(STAGING, JobKind.PREPARE, FAILED, LANE)) == (None, "PLATFORM_TROUBLE")
    assert said(CANDIDATE, prepared, job(STAGING, JobKind.MIGRATE, FAILED, LANE)) == (Event.UNFIT, "MIGRATION_FAILED")
    assert said(CANDIDATE, ready=frozenset({data(STAGING, "r2", LANE)}))[1] == "DEPLOYING_LANE"


def test_it_waits_for_what_it_clones() -> None:
    waits = Reason(code="WAITS_FOR_DATA", owner=Owner.PLATFORM, facts={"detail": "not yet"})
    assert said(CANDIDATE, mirror_data=waits) == (None, "WAITS_FOR_DATA")
    begun = job(STAGING, JobKind.PREPARE, None, LANE)
    assert said(CANDIDATE, begun, mirror_data=waits) == (None, "PREPARING"), "what has begun waits for nothing"


def test_in_production_a_failed_migration_is_unfit_and_a_freeze_holds_what_has_not_begun() -> None:
    canary = rollout(State.CANARY, share=5)
    frozen = Reason(code="FROZEN", owner=Owner.OPERATOR, facts={"what": "orders", "by": "ada", "why": "sale"})
    prepared = job(PRODUCTION, JobKind.PREPARE, OK)
    assert said(canary) == (None, "PREPARING")
    assert said(canary, frozen=frozen) == (None, "FROZEN")
    assert said(canary, prepared, job(PRODUCTION, JobKind.MIGRATE, None), frozen=frozen) == (None, "MIGRATING")
    timed_out = job(PRODUCTION, JobKind.MIGRATE, JobResult.TIMED_OUT)
    assert said(canary, prepared, timed_out) == (Event.UNFIT, "MIGRATION_FAILED")
    assert said(rollout(State.CANARY, share=5, skips=frozenset({Phase.STAGING})), prepared) == (None, "MIGRATING")


def test_a_lanes_jobs_say_nothing_of_production() -> None:
    lane = (job(STAGING, JobKind.PREPARE, OK, LANE), job(STAGING, JobKind.MIGRATE, FAILED, LANE))
    assert said(rollout(State.CANARY, share=5), *lane) == (None, "PREPARING")


def test_a_retreat_waits_for_a_lanes_instances_although_production_runs_the_release() -> None:
    left = seen(replace(key(STAGING, "r2"), data=LANE), HEALTHY)
    gone = rollout(State.RETREATING, outcome=State.ABORTED)
    found = facts(look(STAGING, left), look(PRODUCTION), release=R2, service=service("r1", "r2"))
    assert retreating(gone, found, POLICY, at(1)).reason.facts["left"] == "its instances in staging"


def test_staging_behind_says_why_and_whether_only_a_release_helps() -> None:
    main = data(STAGING)
    plain = behind(main, R2, [])
    assert plain == Behind(why="its databases in staging are not at production's release yet")
    prepared = job(STAGING, JobKind.PREPARE, OK)
    failed = replace(job(STAGING, JobKind.MIGRATE, FAILED, exit_status=2), log_end="one\ntwo\n")
    found = behind(main, R2, [prepared, failed])
    assert found.stuck
    assert "the migration of orders failed (exit status 2: two), and is tried again" in found.why
    assert not behind(main, R2, [job(STAGING, JobKind.PREPARE, FAILED)]).stuck


def test_a_lane_stands_while_its_rollout_retreats() -> None:
    assert lane_stands(LANE, [rollout(State.RETREATING)])
    assert lane_stands(LANE, [rollout(State.CANARY)])
    assert not lane_stands(LANE, [rollout(State.GATING)])
    assert not lane_stands(LaneId("00000000"), [rollout(State.STAGING)])


# ---- what a rollback would meet


def lived(rel: str, seconds: int, id_: str, kind: Kind = Kind.SHIP) -> Rollout:
    return rollout(State.LIVE, id_, rel, kind=kind, entered=at(seconds))


def migrated(rel: str, id_: str, seconds: int, before: str, after: str, **more: object) -> Migration:
    fields = {"key": data(PRODUCTION, rel), "database": "orders", **more}
    return Migration(  # type: ignore[arg-type]
        job=JobId(f"{id_}.{seconds}"), rollout=RolloutId(id_), at=at(seconds), before=before, after=after, **fields
    )


LIVES = [lived("r1", 10, "o1"), lived("r2", 20, "o2")]
FIRST = migrated("r1", "o1", 5, "", "a")


@pytest.mark.parametrize(
    ("migrations", "past"),
    [
        ([], []),
        ([FIRST, migrated("r2", "o2", 15, "a", "a")], []),
        ([FIRST, migrated("r2", "o2", 15, "a", "b")], [15]),
        ([FIRST, migrated("r2", "o2", 15, "a", "b"), migrated("r2", "o2", 16, "b", "a")], []),
        ([FIRST, migrated("r9", "o9", 12, "a", "b"), migrated("r2", "o2", 15, "b", "b")], []),
        ([FIRST, migrated("r9", "o9", 22, "a", "b")], [22]),
        ([FIRST, migrated("r2", "o2", 15, "b", "b")], [15]),
        ([migrated("r2", "o2", 15, "x", "x")], []),
        ([FIRST, migrated("r2", "o2", 15, "a", "b", database="another")], []),
        ([FIRST, migrated("r2", "o2", 15, "a", "b", key=data(STAGING))], []),
        ([FIRST, migrated("r2", "o2", 15, "a", "b", key=data(PRODUCTION, "r2", LANE))], []),
    ],
    ids=[
        "nothing was measured", "nothing changed", "its successor changed it", "changed and changed back",
        "a failed one beside it, which it lived with", "a failed one beside its successor",
        "changed by one that was lost", "never measured before", "another database", "in staging", "in a lane",
    ],
)  # fmt: skip
def test_what_has_changed_since_a_release_was_replaced(migrations: list[Migration], past: list[int]) -> None:
    assert [m.at for m in changes_since(R1, LIVES, migrations)] == [at(s) for s in past]


def test_going_back_twice_looks_past_both() -> None:
    back = [*LIVES, lived("r3", 30, "o3"), lived("r2", 40, "o4", Kind.ROLLBACK)]
    migrations = [FIRST, migrated("r2", "o2", 15, "a", "b"), migrated("r3", "o3", 25, "b", "b")]
    assert [m.at for m in changes_since(R1, back, migrations)] == [at(15)]
    assert changes_since(R2, [*LIVES, lived("r3", 30, "o3")], migrations) == ()
