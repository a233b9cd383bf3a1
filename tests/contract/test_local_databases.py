"""Databases on the real runtime: who has which, who reaches them, and what migrations and clones come to."""

from dataclasses import replace

import pytest

from contract.local_bench import LocalBench
from contract.local_data import Data, everywhere
from twinstage.model.job import JobResult
from twinstage.model.names import Ecosystem, Place
from twinstage.model.seen import Crossing, Health
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.runtime import Unfit

pytestmark = pytest.mark.real
TABLE = "CREATE TABLE IF NOT EXISTS parcels (id integer PRIMARY KEY, whom text)"
LANE = "0a1b2c3d"


@pytest.fixture
def data(local: LocalBench, sandboxes: Layout) -> Data:
    return Data(local, sandboxes)


def test_an_instance_works_on_what_a_migration_made(data: Data) -> None:
    data.prepared()
    job = data.migrated(TABLE)
    assert job.result is JobResult.SUCCEEDED, job.log_end
    assert job.output["schema_before"] != job.output["schema_after"]
    data.served()
    assert data.sql("INSERT INTO parcels VALUES (1, 'ann'), (2, 'bob'); SELECT max(whom) FROM parcels") == "bob"
    again = data.migrated(TABLE)
    assert again.output == dict.fromkeys(("schema_before", "schema_after"), job.output["schema_after"])
    assert data.local.runtime.observe(Ecosystem.PRODUCTION).parts["database"] is Health.HEALTHY


def test_preparing_again_takes_nothing_away(data: Data) -> None:
    data.prepared()
    data.migrated(f"{TABLE}; INSERT INTO parcels VALUES (7, 'ann')")
    data.prepared()
    data.served()
    assert data.sql("SELECT id FROM parcels") == "7"


def test_what_a_migration_makes_belongs_to_the_instances_role(data: Data) -> None:
    data.prepared()
    assert data.migrated(TABLE).result is JobResult.SUCCEEDED
    data.served()
    assert data.sql(
        "SELECT tableowner FROM pg_tables WHERE tablename = 'parcels'; ALTER TABLE parcels ADD n integer"
    ) == ("orders.main")


def test_a_lanes_clone_has_what_main_has_and_goes_its_own_way(data: Data) -> None:
    data.prepared(place=Place.STAGING)
    data.migrated(f"{TABLE}; INSERT INTO parcels VALUES (1, 'main')", place=Place.STAGING)
    data.prepared(place=Place.STAGING, data=LANE)
    job = data.migrated(
        "UPDATE parcels SET whom = 'lane'; ALTER TABLE parcels ADD extra text", place=Place.STAGING, data=LANE
    )
    assert job.result is JobResult.SUCCEEDED, job.log_end
    data.prepared(place=Place.STAGING, data=LANE)
    data.served(ecosystem=Ecosystem.STAGING, data=LANE)
    assert data.sql("SELECT whom FROM parcels", ecosystem=Ecosystem.STAGING) == "lane", "it was not cloned again"
    data.served(ecosystem=Ecosystem.STAGING)
    assert data.sql("SELECT * FROM parcels", ecosystem=Ecosystem.STAGING) == "1|main"


def test_a_lane_of_a_service_without_main_databases_begins_empty(data: Data) -> None:
    data.prepared(place=Place.STAGING, data=LANE)
    data.served(ecosystem=Ecosystem.STAGING, data=LANE)
    assert data.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", ecosystem=Ecosystem.STAGING) == "0"


def test_a_dropped_lane_leaves_neither_database_nor_role(data: Data) -> None:
    data.prepared(place=Place.STAGING)
    data.prepared(place=Place.STAGING, data=LANE)
    data.dropped(place=Place.STAGING, data=LANE)
    data.dropped(place=Place.STAGING, data=LANE)
    data.served(ecosystem=Ecosystem.STAGING)
    names = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"
    left = data.sql(
        f"SELECT * FROM ({names}) a WHERE datname LIKE '%{LANE}%' OR datname LIKE 'new.%'", ecosystem=Ecosystem.STAGING
    )
    assert left == ""
    with pytest.raises(Unfit, match="main databases"):
        data.dropped(place=Place.STAGING)


def test_a_role_comes_into_its_own_databases_alone(data: Data) -> None:
    data.prepared()
    data.prepared(service="payments")
    data.served()
    mine, theirs = f"orders.{data.name}", f"payments.{data.name}"
    for url in (
        data.url("orders.main", theirs),
        data.url("orders.main", "postgres"),
        data.url("orders.main", "template1"),
    ):
        assert "permission denied for database" in data.sql("SELECT 1", url=url)
    assert data.sql("SELECT 1", url=data.url("orders.main", mine)) == "1"
    assert "password authentication failed" in data.sql(
        "SELECT 1", url=data.url("payments.main", mine).replace("payments", "orders")
    )


def test_a_lanes_role_does_not_come_into_main_nor_main_into_the_lane(data: Data) -> None:
    staging = Ecosystem.STAGING
    data.prepared(place=Place.STAGING)
    data.prepared(place=Place.STAGING, data=LANE)
    data.served(ecosystem=staging)
    main, clone = f"orders.{data.name}", f"orders.{data.name}.{LANE}"
    for role, database in (("orders.main", clone), (f"orders.{LANE}", main), (f"orders.{LANE}.migrate", main)):
        said = data.sql("SELECT 1", ecosystem=staging, url=data.url(role, database, ecosystem=staging))
        assert "permission denied for database" in said, role
    assert data.sql("SELECT 1", ecosystem=staging, url=data.url(f"orders.{LANE}", clone, ecosystem=staging)) == "1"


def test_the_superuser_does_not_come_in_by_the_network(data: Data) -> None:
    data.prepared()
    data.served()
    assert "pg_hba.conf rejects connection" in data.sql("SELECT 1", url=data.url("postgres", "postgres"))
    assert "ERROR:  permission denied" in data.sql("CREATE ROLE more SUPERUSER")
    assert "must be superuser" in data.sql("COPY pg_class TO PROGRAM 'cat'") or "permission denied" in data.sql(
        "COPY pg_class TO PROGRAM 'cat'"
    )


def crossing(data: Data, ecosystem: Ecosystem, target: str) -> Crossing:
    found: list[Crossing] = []

    def told() -> bool:
        found[:] = [c for c in data.local.runtime.crossings(ecosystem, 0) if c.target == target]
        return bool(found)

    data.local.settle(told)
    return found[-1]


def test_who_declares_no_database_does_not_reach_the_port_and_is_told_of(data: Data) -> None:
    data.prepared()
    data.prepared(place=Place.STAGING)
    data.served()
    workload = data.served("payments", declares=False)
    url = data.url("orders.main", f"orders.{data.name}")
    said = data.sql("SELECT 1", service="payments", url=url)
    assert "FATAL:  payments (r_000000000001) in production called databases, which does not exist for it." in said
    assert "HINT:  declare it under `databases`" in said
    met = crossing(data, Ecosystem.PRODUCTION, "databases")
    assert (met.source, met.kind, met.answered) == (workload.key, "undeclared", "closed")
    assert "declare it under `databases`" in met.advice
    assert data.sql("SELECT 1", url=url) == "1"


@pytest.mark.parametrize("address", ["10.64.0.1", "127.0.0.1"])
def test_the_other_ecosystems_databases_are_not_there(data: Data, address: str) -> None:
    data.prepared()
    data.prepared(place=Place.STAGING)
    workload = data.served()
    url = data.url("orders.main", f"orders.{data.name}", port=17000).replace("10.64.0.1", address)
    assert "in production called staging databases, which does not exist for it." in data.sql("SELECT 1", url=url)
    met = crossing(data, Ecosystem.PRODUCTION, "staging databases")
    assert (met.source, met.kind) == (workload.key, "other-ecosystem")


def test_the_servers_own_port_is_on_no_wire(data: Data) -> None:
    data.prepared()
    data.served()
    url = data.url("orders.main", f"orders.{data.name}", port=5432)
    assert "called 10.64.0.1:5432, which does not exist for it" in data.sql("SELECT 1", url=url)
    assert "Connection refused" in data.sql("SELECT 1", url=url.replace("10.64.0.1", "127.0.0.1"))


def test_a_password_is_in_no_argument_list_and_no_file(data: Data, sandboxes: Layout) -> None:
    data.prepared()
    data.migrated(TABLE)
    data.served()
    assert data.sql("SELECT 1") == "1"
    data.sql("SELECT 1", url=data.url("orders.main", "payments.nothing"))
    secrets = [data.password("orders.main"), data.password("orders.main.migrate")]
    assert [found for secret in secrets for found in everywhere(sandboxes, secret)] == []
    assert everywhere(sandboxes, "orders.main"), "what is looked for would be found"
    key = sandboxes.keys / "production.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert data.password("orders.main") != data.password("orders.main", Ecosystem.STAGING)


def test_a_gate_has_databases_of_its_own(data: Data) -> None:
    made = f"{data.psql} -c 'CREATE TABLE t (n integer)' && {data.psql} -At -c 'SELECT count(*), current_user FROM t'; exit 3"
    job = data.done(replace(data.local.command(made), databases=(data.name,)))
    assert (job.result, job.exit_status) == (JobResult.FAILED, 3)
    assert "0|orders.main" in job.log_end


def test_two_gates_at_once_do_not_see_each_others_databases(data: Data) -> None:
    tells = f"{data.psql} -c 'CREATE TABLE t (n integer)' && sleep 1"
    jobs = [replace(data.local.command(tells), databases=(data.name,)) for _ in range(2)]
    for job in jobs:
        data.local.runtime.put_job(job, data.local.fence)
    for job in jobs:
        ended = data.done(job)
        assert ended.result is JobResult.SUCCEEDED, ended.log_end
