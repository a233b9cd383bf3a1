"""Databases as the local runtime writes them down: names, passwords, sandboxes, and what a start refuses."""

import base64
import hashlib
import hmac
import json
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_local_files import WORKLOAD
from test_local_projection import Desk
from test_local_stand import GATE, ORDERS, environment, mounts

from twinstage.inside import databases as work
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, JobId, Place
from twinstage.runtime.local.handover import Handover
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.postgres import binaries, names, server
from twinstage.runtime.local.postgres.credentials import Credentials, scram
from twinstage.runtime.runtime import Unavailable

LANE = "0a1b2c3d"
PREPARE = replace(
    GATE,
    id=JobId("00000001.prepare.staging-databases.0.1"),
    kind=JobKind.PREPARE,
    place=Place.STAGING,
    command="",
    source="",
    artifact=None,
    databases=("orders", "old_ones"),
    data=LANE,
)
MIGRATE = replace(
    GATE,
    id=JobId("00000001.migrate.staging-orders.0.1"),
    kind=JobKind.MIGRATE,
    place=Place.STAGING,
    command="python -m orders.migrate",
    databases=("orders",),
    env={"MODE": "sandbox"},
)


@pytest.fixture
def staging(tmp_path: Path) -> Desk:
    return Desk(tmp_path, Place.STAGING)


def put(desk: Desk, job: Job) -> str:
    """Its program's name."""
    desk.projection.write_job(desk.ledger.put_job(job, wired=True))
    return f"job.{job.id}"


def words(desk: Desk, program: str) -> list[str]:
    return (desk.here / f"instances/{program}/arguments").read_text().split("\0")


# ------------------------------------------------------------------------------------------------------------ passwords


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "staging.key"
    first = Credentials(path, random=lambda count: b"a" * count).password("orders.main")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Credentials(path, random=lambda count: b"b" * count).password("orders.main") == first
    assert Credentials(path).password("payments.main") != first
    assert [p.name for p in tmp_path.iterdir()] == ["staging.key"]


def test_a_damaged_key_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "staging.key"
    path.write_bytes(b"short")
    with pytest.raises(Unavailable, match=r"staging\.key holds 5 bytes and not 32"):
        Credentials(path).password("orders.main")


def test_a_verifier_proves_the_password_and_does_not_hold_it(tmp_path: Path) -> None:
    """RFC 7677's own example, of which only the verifier's parts are ours to compute."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    kind, iterations_salt, keys = scram("pencil", salt).split("$")
    assert (kind, iterations_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    stored, served = (base64.b64decode(part) for part in keys.split(":"))
    said = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
        b"i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.new(stored, said, hashlib.sha256).digest()
    client = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.sha256(client).digest() == stored
    proved = base64.b64encode(hmac.new(served, said, hashlib.sha256).digest())
    assert proved == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    mine = Credentials(tmp_path / "key")
    assert mine.password("orders.main") not in mine.verifier("orders.main")


# ------------------------------------------------------------------------------------------------------------ who sees what


class Keeping:
    """A lockbox of a test's own."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, str]] = {}
        self.handed = 0

    def held(self) -> set[str]:
        return set(self.kept)

    def keep(self, id: str, values: Mapping[str, str]) -> None:
        self.kept[id] = values
        self.handed += 1

    def drop(self, ids: Collection[str]) -> None:
        for id in ids:
            del self.kept[id]


def handed(desk: Desk, box: Keeping, running: Collection[str] = (), secrets: Mapping[str, str] | None = None) -> None:
    handover = Handover(box, lambda *_: secrets or {}, desk.projection.databases)  # type: ignore[arg-type]
    handover.settle(desk.ledger, running)


def test_an_instance_finds_its_databases_by_url_and_no_file_has_it(staging: Desk) -> None:
    workload = replace(WORKLOAD, databases=("orders", "old_ones"), secrets=("KEY",), replicas=2)
    staging.projection.write_workload(staging.ledger.put_workload(workload))
    box, programs = Keeping(), [f"orders.web.r_1.1.main.{number}" for number in range(2)]
    handed(staging, box, secrets={"KEY": "x"})
    assert list(box.kept) == programs
    found = box.kept[programs[0]]
    password = Credentials(staging.layout.keys / "staging.key").password("orders.main")
    assert found["ORDERS_DATABASE_URL"] == f"postgresql://orders.main:{password}@10.64.0.1:17000/orders.orders"
    assert found["OLD_ONES_DATABASE_URL"].endswith(":17000/orders.old_ones")
    assert found["KEY"] == "x"
    assert staging.told(f"wires/{programs[0]}.json")["databases"] is True
    names = (staging.here / "instances" / programs[0] / "secrets").read_text().split()
    assert set(names) == found.keys(), "the launcher waits for them"
    assert password not in written(staging)
    handed(staging, box, secrets={"KEY": "x"})
    assert box.handed == 2, "not each time"


def test_a_migration_comes_in_as_its_own_role_and_is_measured_from_another_sandbox(staging: Desk) -> None:
    program, box = put(staging, MIGRATE), Keeping()
    handed(staging, box)
    assert box.kept[program]["ORDERS_DATABASE_URL"].startswith("postgresql://orders.main.migrate:")
    assert (staging.here / "instances" / program / "secrets").read_text().split() == list(box.kept[program])
    assert Credentials(staging.layout.keys / "staging.key").password("orders.main.migrate") not in written(staging)
    assert environment(words(staging, program))["MODE"] == "sandbox"
    told = staging.told(f"jobs/{MIGRATE.id}.json")
    assert told["measure"] == ["/bin/sh", "/desired/launch", f"{program}.measure", "alone", server.DOOR]
    assert told["ours"] is False
    assert server.DOOR not in words(staging, program), "a release never sees the superuser's socket"
    assert (server.DOOR, server.DOOR) in mounts(words(staging, f"{program}.measure"), "--ro-bind")
    assert staging.told(f"wires/{program}.json")["databases"] is True
    assert staging.projection.forget([]) is False
    assert staging.names("instances") == {program, f"{program}.measure"}, "they go together"
    staging.ledger.mark_job_deleted(MIGRATE.id)
    handed(staging, box, running=[program])
    assert list(box.kept) == [program], "it runs still"
    handed(staging, box)
    assert box.kept == {}


def written(desk: Desk) -> str:
    return "".join(path.read_text() for path in desk.here.rglob("*") if path.is_file())


def test_our_own_work_has_no_network_and_no_password(staging: Desk) -> None:
    program = put(staging, PREPARE)
    told = staging.told(f"jobs/{PREPARE.id}.json")
    assert (told["source"], told["unpack"], told["measure"], told["ours"]) == (None, None, [], True)
    assert "--unshare-net" in words(staging, program)
    assert staging.names("wires") == set()
    asked = staging.told(f"instances/{program}/work.json")
    assert asked["owner"] == f"orders.{LANE}"
    assert asked["databases"] == [
        {
            "name": f"orders.{n}.{LANE}",
            "owner": f"orders.{LANE}",
            "from": {"name": f"orders.{n}", "owner": "orders.main"},
        }
        for n in ("orders", "old_ones")
    ]
    key = Credentials(staging.layout.keys / "staging.key")
    everything = written(staging)
    assert key.verifier(f"orders.{LANE}.migrate") in everything
    assert key.password(f"orders.{LANE}.migrate") not in everything


def test_main_databases_are_copies_of_nothing(staging: Desk) -> None:
    program = put(staging, replace(PREPARE, data="main"))
    asked = staging.told(f"instances/{program}/work.json")
    assert [d["from"] for d in asked["databases"]] == [None, None]  # type: ignore[attr-defined]


def test_a_gate_gets_a_server_of_its_own_only_where_it_declares_databases(tmp_path: Path) -> None:
    workshop = Desk(tmp_path, Place.WORKSHOP)
    program = put(workshop, replace(GATE, databases=("orders",)))
    found = environment(words(workshop, program))
    assert found["ORDERS_DATABASE_URL"] == "postgresql://orders.main:throwaway@127.0.0.1:5432/orders.orders"
    assert "throwaway.py" in (workshop.here / f"instances/{program}/init").read_text()
    plain = put(workshop, replace(GATE, id=JobId("00000001.gate.lint.0.1")))
    assert "throwaway.py" not in workshop.names(f"instances/{plain}")
    assert not workshop.layout.keys.joinpath("workshop.key").exists()


# --------------------------------------------------------------------------------------------------------- the server


def test_there_is_no_server_before_the_first_need(staging: Desk) -> None:
    staging.projection.write_database()
    staging.projection.write_proxy(Ecosystem.STAGING)
    assert staging.projection.wanted() == frozenset()
    assert "17000" not in (staging.here / "envoy/lds.json").read_text()
    assert staging.ledger.need_database()
    assert not staging.ledger.need_database()
    staging.projection.write_database()
    staging.projection.write_proxy(Ecosystem.STAGING)
    assert staging.projection.wanted() == {"database"}
    assert "17000" in (staging.here / "envoy/lds.json").read_text()
    assert staging.names("programs") == {"database.conf"}
    staging.projection.forget([])
    assert staging.names("instances") == {"database"}


def test_the_proxy_admits_those_whose_releases_declare_databases(staging: Desk) -> None:
    staging.ledger.need_database()
    declares = staging.ledger.put_workload(replace(WORKLOAD, databases=("orders",)))
    other = staging.ledger.put_workload(replace(WORKLOAD, key=replace(WORKLOAD.key, service=ORDERS, process="worker")))
    job = staging.ledger.put_job(MIGRATE, wired=True)
    ours = staging.ledger.put_job(PREPARE, wired=True)
    staging.projection.write_proxy(Ecosystem.STAGING)
    text = (staging.here / "envoy/ecds/database.json").read_text()
    slots = [r.slot for r in (declares, other, job, ours) if r.slot]
    assert [addresses.span(slot).partition("/")[0] in text for slot in slots] == [True, False, True, False]


def test_only_a_superuser_by_the_socket_and_passwords_by_the_network() -> None:
    rows = [line.split() for line in server.admission().splitlines()]
    assert [row[-1] for row in rows if row[0] == "host" and row[2] == names.SUPERUSER] == ["reject"]
    assert {row[-1] for row in rows if row[0] == "host" and row[2] != names.SUPERUSER} == {"scram-sha-256"}
    assert all("peer" in row for row in rows if row[0] == "local")
    assert not any("trust" in row for row in rows)


def programs(folder: Path, version: str) -> binaries.Binaries:
    folder.mkdir()
    for name in ("postgres", "initdb", "psql", "pg_dump", "pg_restore"):
        (folder / name).write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version}"; echo ran >>{folder}/{name}.ran\n')
        (folder / name).chmod(0o755)
    return binaries.Binaries(here=str(folder), bin=str(folder), binds=())


def test_data_of_another_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    found = programs(tmp_path / "bin", "18.4")
    (tmp_path / "database/data").mkdir(parents=True)
    (tmp_path / "database/data/PG_VERSION").write_text("17\n")
    text = server.start(found).replace(server.DATA, str(tmp_path / "database"))
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True)
    assert done.returncode == 78
    assert "cannot start PostgreSQL 18: the databases here are of PostgreSQL 17, and nothing was touched" in done.stderr
    assert not (tmp_path / "bin/initdb.ran").exists()
    assert [p.name for p in (tmp_path / "database/data").iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("version", ["15.8 (Debian 15.8-1)", "9.6.24"])
def test_programs_that_are_too_old_are_refused_in_words(tmp_path: Path, version: str) -> None:
    programs(tmp_path / "bin", version)
    with pytest.raises(binaries.NoPostgres, match="16 is the oldest that will do"):
        binaries.check(str(tmp_path / "bin"))


def test_programs_that_are_not_there_are_named(tmp_path: Path) -> None:
    programs(tmp_path / "bin", "18.4")
    assert binaries.check(str(tmp_path / "bin")) == 18
    (tmp_path / "bin/pg_dump").unlink()
    with pytest.raises(binaries.NoPostgres, match="pg_dump is not there"):
        binaries.check(str(tmp_path / "bin"))


def test_the_wheels_programs_are_used_unless_told_otherwise() -> None:
    assert binaries.check("") == 18
    assert all(Path(bind.source).exists() for bind in binaries.binaries("").binds)
    assert binaries.binaries("/usr/lib/postgresql/17/bin").binds == ()
    away = binaries.binaries("/opt/pg/17/bin")
    assert (away.bin, [b.target for b in away.binds]) == ("/opt/pg/17/bin", ["/opt/pg/17"])


# ------------------------------------------------------------------------------------------------- our own work, in words


class Answers:
    """PostgreSQL's programs: a shell script that complains."""

    def __init__(self, folder: Path, complaint: str) -> None:
        self.told: Mapping[str, Any] = {"bin": str(folder), "door": str(folder), "patience": 0}
        (folder / "psql").write_text(f"#!/bin/sh\nprintf '%s\\n' \"{complaint}\" >&2\nexit 2\n")
        (folder / "psql").chmod(0o755)


def test_a_server_that_does_not_answer_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Answers(tmp_path, "psql: error: connection to server failed: No such file or directory").told
    (tmp_path / "work.json").write_text(json.dumps(told))
    monkeypatch.setattr("sys.argv", ["databases.py", "prepare", str(tmp_path / "work.json")])
    assert work.main() == 1
    said = capsys.readouterr().err
    assert said.startswith("twinstage: cannot prepare databases: the database server does not answer: psql: error: ")
    assert said.count("\n") == 1


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    told = Answers(tmp_path, "ERROR:  could not extend file: No space left on device").told
    with pytest.raises(work.Trouble, match="the disk is full: `twinstage disk` shows what is held"):
        work.Server(told).ask("SELECT 1")


@pytest.mark.parametrize("name", ['a"b', "a'b", "a.b-c_d"])
def test_names_are_quoted(name: str) -> None:
    assert work.identifier(name)[1:-1].replace('""', '"') == name
    assert work.literal(name)[1:-1].replace("''", "'") == name
