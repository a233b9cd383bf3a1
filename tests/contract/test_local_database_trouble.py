"""Bad days of databases on the real runtime: a server that is killed, locks, limits, half migrations, what takes up room."""

import threading
from datetime import timedelta

import pytest

from contract.local_bench import LocalBench
from contract.local_data import Data
from twinstage.model.holding import HoldingKind
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Ecosystem, Place, ServiceName
from twinstage.model.seen import Health
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.supervisor.client import Supervisor

pytestmark = pytest.mark.real
MIGRATING = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE '%.migrate'"


@pytest.fixture
def data(local: LocalBench, sandboxes: Layout) -> Data:
    made = Data(local, sandboxes)
    made.prepared()
    assert made.migrated("CREATE TABLE parcels (id integer)").result is JobResult.SUCCEEDED
    made.served()
    return made


def test_a_server_that_is_killed_comes_back_with_all_that_was_committed(data: Data) -> None:
    assert data.sql("INSERT INTO parcels VALUES (5); SELECT id FROM parcels") == "5"
    before = data.postmaster(Place.PRODUCTION)
    before.kill()
    before.wait(30)
    data.local.settle(lambda: data.sql("SELECT id FROM parcels") == "5")
    assert data.postmaster(Place.PRODUCTION).pid != before.pid
    data.local.settle(lambda: data.local.runtime.observe(Ecosystem.PRODUCTION).parts["database"] is Health.HEALTHY)


def test_a_migration_whose_server_is_killed_is_the_platforms_trouble(data: Data) -> None:
    job = data.job(
        JobKind.MIGRATE, command=f"{data.psql} -c 'ALTER TABLE parcels ADD n integer' -c 'SELECT pg_sleep(120)'"
    )
    data.local.runtime.put_job(job, data.local.fence)
    data.local.settle(lambda: data.sql("SELECT count(*) FROM pg_attribute WHERE attname = 'n' AND attnum > 0") == "1")
    data.postmaster(Place.PRODUCTION).kill()
    ended = data.done(job)
    assert ended.result is JobResult.LOST, ended.log_end
    assert "the database server was started again meanwhile" in ended.log_end
    assert ended.output["schema_before"] != ended.output["schema_after"]


def test_a_server_that_is_stopped_is_unhealthy_and_work_on_it_is_the_platforms_trouble(data: Data) -> None:
    supervisor = Supervisor(data.layout.doors(Place.PRODUCTION) / "supervisor.sock")
    supervisor.stop("database")
    try:
        data.local.settle(lambda: supervisor.processes()["database"].state == "STOPPED")
        seen = data.local.runtime.observe(Ecosystem.PRODUCTION).parts
        assert seen["database"] is Health.UNHEALTHY
        job = data.done(data.job(JobKind.PREPARE, limit=timedelta(seconds=1)))
        assert job.result is JobResult.LOST, job.log_end
    finally:
        supervisor.start("database")
    data.local.settle(lambda: data.sql("SELECT 1") == "1")
    data.prepared()


def held(data: Data, ecosystem: Ecosystem, how: str) -> threading.Thread:
    """Somebody who holds the table for a minute, from now on."""
    words = {"ecosystem": ecosystem}
    holder = threading.Thread(target=data.sql, args=(f"BEGIN; {how}; SELECT pg_sleep(60)",), kwargs=words)
    holder.start()
    locked = "SELECT count(*) > 0 FROM pg_locks WHERE relation = (SELECT oid FROM pg_class WHERE relname = 'parcels')"
    data.local.settle(lambda: data.sql(locked, ecosystem=ecosystem) == "t")
    return holder


def let_go(data: Data, holder: threading.Thread, ecosystem: Ecosystem) -> None:
    theirs = "query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
    data.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {theirs}", ecosystem=ecosystem)
    holder.join(20)


def test_a_migration_that_waits_for_a_lock_fails_soon_and_says_so(data: Data) -> None:
    holder = held(data, Ecosystem.PRODUCTION, "SELECT * FROM parcels")
    job = data.migrated("ALTER TABLE parcels ADD whom text")
    let_go(data, holder, Ecosystem.PRODUCTION)
    assert job.result is JobResult.FAILED
    assert "canceling statement due to lock timeout" in job.log_end
    assert job.output["schema_before"] == job.output["schema_after"]


def test_a_migration_past_its_limit_ends_in_the_server_too(data: Data) -> None:
    job = data.migrated("SELECT pg_sleep(120)", limit=timedelta(seconds=1))
    assert job.result is JobResult.TIMED_OUT, job.log_end
    assert set(job.output) == {"schema_before", "schema_after"}
    assert data.sql(MIGRATING) == "0"


def test_half_a_migration_is_measured_too(data: Data) -> None:
    job = data.migrated("ALTER TABLE parcels ADD whom text; SELECT 1/0")
    assert job.result is JobResult.FAILED
    assert "division by zero" in job.log_end
    assert job.output["schema_before"] != job.output["schema_after"]


def test_a_stopped_migration_does_not_go_on(data: Data) -> None:
    job = data.job(JobKind.MIGRATE, command=f"{data.psql} -c 'SELECT pg_sleep(120)'")
    data.local.runtime.put_job(job, data.local.fence)
    data.local.settle(lambda: data.sql(MIGRATING) == "1")
    data.local.runtime.delete_job(job.id, data.local.fence)
    data.local.settle(lambda: data.sql(MIGRATING) == "0")


def test_a_clone_that_was_cut_off_is_begun_anew(data: Data) -> None:
    staging, lane = Place.STAGING, "00000001"
    data.prepared(place=staging)
    data.migrated("CREATE TABLE parcels (id integer); INSERT INTO parcels VALUES (1)", place=staging)
    data.served(ecosystem=Ecosystem.STAGING)
    holder = held(data, Ecosystem.STAGING, "LOCK TABLE parcels")
    job = data.done(data.job(JobKind.PREPARE, place=staging, data=lane, limit=timedelta(seconds=3)))
    assert job.result is JobResult.LOST
    assert "still running after its limit" in job.log_end
    halves = "SELECT count(*) FROM pg_database WHERE datname LIKE 'new.%'"
    assert data.sql(halves, ecosystem=Ecosystem.STAGING) == "1", "it was cut off in the middle"
    let_go(data, holder, Ecosystem.STAGING)
    data.prepared(place=staging, data=lane)
    assert data.sql(halves, ecosystem=Ecosystem.STAGING) == "0"
    data.served(ecosystem=Ecosystem.STAGING, data=lane)
    assert data.sql("SELECT id FROM parcels", ecosystem=Ecosystem.STAGING) == "1"


def test_what_each_database_takes_up_is_told_and_stays(data: Data) -> None:
    def told() -> bool:
        found = {h.name: h for h in data.local.runtime.holdings() if h.kind is HoldingKind.DATABASE}
        mine = found.get(f"orders.{data.name}")
        return mine is not None and mine.bytes > 5 << 20 and mine.service == ServiceName("orders") and "server" in found

    data.local.settle(told)
