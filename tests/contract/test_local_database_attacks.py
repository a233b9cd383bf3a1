"""What a service's role in PostgreSQL may not do, however it asks: everything beyond its own databases."""

import pytest

from contract.local_bench import LocalBench
from contract.local_data import Data
from twinstage.model.job import JobKind, JobResult
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.postgres import names

pytestmark = pytest.mark.real

REFUSED = (
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "CREATE TEMP TABLE t (x text); COPY t FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO '/state/database/data/stolen'",
    "CREATE TEMP TABLE t (x text); COPY t FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('pg_hba.conf')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_stat_file('PG_VERSION')",
    "SELECT pg_ls_logdir()",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(lo_create(0), '/tmp/stolen')",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE EXTENSION file_fdw",
    "CREATE EXTENSION adminpack",
    "CREATE EXTENSION plpython3u",
    "CREATE FUNCTION f() RETURNS int AS '/lib/x86_64-linux-gnu/libc.so.6', 'system' LANGUAGE C",
    "LOAD '/tmp/evil.so'",
    "SET session_preload_libraries = 'evil'",
    "ALTER SYSTEM SET log_min_error_statement = 'debug5'",
    "ALTER ROLE current_user SUPERUSER",
    "ALTER ROLE current_user CONNECTION LIMIT -1",
    "CREATE ROLE thief LOGIN",
    "CREATE DATABASE thief",
    "ALTER DATABASE postgres SET work_mem = '1GB'",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    'SET ROLE "payments.main"',
    "GRANT pg_read_server_files TO current_user",
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_create_physical_replication_slot('thief')",
    "SELECT pg_create_logical_replication_slot('thief', 'pgoutput')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p",
    "SELECT pg_switch_wal()",
    "CHECKPOINT",
    "CREATE TABLESPACE t LOCATION '/tmp'",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
    "SET temp_file_limit = -1",
    "SET log_statement = 'all'",
    "CREATE TABLE pg_catalog.t (x int)",
    "UPDATE pg_database SET datallowconn = true",
    "SELECT pg_import_system_collations('pg_catalog')",
)
"""One statement each, or the last of two."""


@pytest.fixture
def data(local: LocalBench, sandboxes: Layout) -> Data:
    return Data(local, sandboxes)


@pytest.fixture
def served(data: Data) -> Data:
    data.prepared()
    data.served()
    return data


def test_no_statement_leads_out_of_the_databases_of_a_service(served: Data) -> None:
    passed = {words: said for words in REFUSED if "ERROR" not in (said := served.sql(words)) and "FATAL" not in said}
    assert passed == {}
    assert "ERROR" not in served.sql("SELECT 1"), "the server goes on"


def test_a_migration_may_do_no_more_than_an_instance(data: Data) -> None:
    data.prepared()
    for words in ("COPY (SELECT 1) TO PROGRAM 'id'", "SELECT pg_read_file('/etc/passwd')", "CREATE EXTENSION dblink"):
        job = data.migrated(words)
        assert job.result is JobResult.FAILED, words
        assert "ERROR" in job.log_end


def test_a_statements_files_are_bounded(served: Data) -> None:
    """A sort without end must not fill the disk that all databases are on."""
    assert served.sql("SHOW temp_file_limit") == "1GB"


HALF = """
import os, socket, struct, sys, time
from urllib.parse import urlsplit
there = urlsplit(os.environ[sys.argv[1]])
words = f"user\\0{there.username}\\0database\\0{there.path[1:]}\\0\\0".encode()
held = []
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        link = socket.create_connection((there.hostname, there.port), 2)
        link.sendall(struct.pack("!ii", 8 + len(words), 196608) + words)
        held.append(link)
    except OSError:
        pass
    if len(held) == 900:
        print("holds", flush=True)
        held.clear()
"""
"""Connections that say who they are and never their password: the server counts no role's until it has heard that."""


def test_who_opens_connections_and_says_no_password_keeps_nobody_out(served: Data) -> None:
    served.prepared(service="payments")
    served.served("payments")
    hostile = f"python3 - {names.variable(served.name)} <<'END'\n{HALF}\nEND"
    job = served.job(JobKind.MIGRATE, command=hostile)
    served.local.runtime.put_job(job, served.local.fence)
    served.local.settle(lambda: b"holds" in b"".join(served.local.runtime.log(job.id, 0)))
    for service in ("payments", "orders"):
        assert served.sql("SELECT 1", service=service) == "1"
    served.local.runtime.delete_job(job.id, served.local.fence)
    served.local.settle(lambda: job.id not in served.local.runtime.jobs())
