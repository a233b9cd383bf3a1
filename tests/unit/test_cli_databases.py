"""What people see of databases: in `status SERVICE`, `why`, `history` and `logs`."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from face_company import Company, moved, reason, release, rollout
from face_shell import Shell

from twinstage.model.database import DataKey, Migration
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, JobId, LaneId, Place, RolloutId
from twinstage.model.release import Release
from twinstage.model.rollout import State

PLAIN = release("orders", "1")
ORDERS = replace(PLAIN, definition=replace(PLAIN.definition, databases={"orders": "migrate"}))
LANE = LaneId("0a0b0c0d")


def key(ecosystem: Ecosystem, data: str = "main", of: Release = ORDERS) -> DataKey:
    return DataKey(ecosystem=ecosystem, service=ORDERS.service, data=data, release=of.id)


def migration(company: Company, where: DataKey, job: str, waits: str | None, after: str = "b") -> Migration:
    return Migration(
        key=where,
        database="orders",
        job=JobId(job),
        rollout=RolloutId(waits) if waits else None,
        at=company.now,
        before="a",
        after=after,
    )


@pytest.fixture
def migrated(company: Company) -> Company:
    """Live in production; staging's own is tried again."""
    company.live(ORDERS)
    live = "ro_orders"
    failed = Job(
        id=JobId("staging.main.r.migrate.orders.1"), kind=JobKind.MIGRATE, name="orders", place=Place.STAGING,
        rollout=None, service=ORDERS.service, commit=ORDERS.commit, round=0, attempt=1, command="x",
        limit=timedelta(minutes=1), source="s", release=ORDERS.id, result=JobResult.FAILED, exit_status=1,
        log_end="no such column\n", ended=company.now,
    )  # fmt: skip
    prepared = replace(
        failed, id=JobId("staging.main.r.prepare.databases.1"), kind=JobKind.PREPARE, name="databases",
        result=JobResult.SUCCEEDED,
    )  # fmt: skip
    company.write(
        ready=(key(Ecosystem.PRODUCTION),),
        jobs=(prepared, failed),
        migrations=(
            migration(company, key(Ecosystem.STAGING, LANE), "j1", live),
            migration(company, key(Ecosystem.PRODUCTION), "j2", live),
            migration(company, key(Ecosystem.STAGING), failed.id, None, after="a"),
        ),
        journal=tuple(moved(live, "orders", state) for state in (State.PRODUCTION, State.LIVE)),
    )
    return company


def test_a_service_shows_its_databases_in_both_ecosystems(shell: Shell, migrated: Company) -> None:
    out = " ".join(shell("status", "orders").out.split())
    assert re.search(f"orders in production: schema last changed [^:]+ ago by {ORDERS.id}", out)
    assert (
        "orders in staging: its databases in staging are not at production's release yet: the migration of orders"
        in out
    )
    assert (
        "(exit status 1: no such column), and is tried again; `twinstage logs staging.main.r.migrate.orders.1`" in out
    )
    found = json.loads(shell("status", "orders", "--json").out)
    assert [(d["ecosystem"], d["ready"]) for d in found["databases"]] == [("production", True), ("staging", False)]
    assert [job["id"] for job in found["jobs"]] == [
        "staging.main.r.migrate.orders.1",
        "staging.main.r.prepare.databases.1",
    ]


def test_the_mirror_says_so_too(shell: Shell, migrated: Company) -> None:
    assert "no such column" in shell("status").out


def test_why_lists_a_releases_migrations_wherever_they_were(shell: Shell, migrated: Company) -> None:
    lines = [line.split() for line in shell("why", "ro_orders").out.splitlines()]
    rows = [line[1:] for line in lines if line and line[-1] in ("j1", "j2", "staging.main.r.migrate.orders.1")]
    assert rows == [
        ["lane", LANE, "orders", "changed", "j1"],
        ["production", "orders", "changed", "j2"],
        ["staging", "orders", "unchanged", "staging.main.r.migrate.orders.1"],
    ]


def test_history_marks_what_changed_the_schema_of_production(shell: Shell, migrated: Company) -> None:
    other = rollout("ro_2", "orders", State.FAILED, reason("BUILD_FAILED", status=1), release="r_2")
    migrated.write(rollouts=((None, other),), releases=(replace(release("orders", "2"), id="r_2"),))
    migrated.write(
        migrations=(migration(migrated, replace(key(Ecosystem.STAGING, LANE), release="r_2"), "j9", "ro_2"),)
    )
    out = shell("history", "orders").out
    assert out.count("changed the schema of orders in production") == 1
    found = json.loads(shell("history", "orders", "--json").out)
    assert [it["schema_changed"] for it in found] == [[], ["orders"]]


def test_the_log_of_a_job_that_no_rollout_waits_for_can_be_read(shell: Shell, migrated: Company) -> None:
    assert "no such column" in shell("logs", "staging.main.r.migrate.orders.1").out
