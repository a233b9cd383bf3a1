"""The store: transactions, epochs, versions, what the database itself holds to."""

import json
import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from twinstage.model.database import Clone, DataKey, Migration
from twinstage.model.encoding import dumps
from twinstage.model.facts import MirrorBreak
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, JobId, LaneId, Place, ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import EcosystemFile, Policy, ServiceEntry
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Evidence
from twinstage.model.rollout import Freeze, Intent, IntentVerb, Kind, Rollout, State
from twinstage.store import schema
from twinstage.store.rows import Change, Entry
from twinstage.store.store import Store
from twinstage.store.tables import metadata
from twinstage.store.trouble import Conflict, DamagedStore, NewerStore, NoPorts, StaleEpoch, Unknown

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ORDERS, PAYMENTS = ServiceName("orders"), ServiceName("payments")
LINE = Entry(who="ada", what="test", why="because")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.sqlite", durable=False)
    made.take(NOW)
    yield made
    made.close()


def intent(id: str = "i1") -> Intent:
    return Intent(id=id, verb=IntentVerb.CONFIGURE, args={}, by="ada", why="", at=NOW)


def configure(store: Store, *names: str, busy: tuple[int, ...] = ()) -> None:
    entries = tuple(ServiceEntry(service=ServiceName(n), repository=f"/repos/{n}") for n in names)
    file = EcosystemFile(name="shop", services=entries, policy=Policy())
    store.configure(file, lambda port: port not in busy, replace(intent(), answered=NOW), LINE)


def rollout(id: str, state: State = State.BUILDING, service: ServiceName = ORDERS) -> Rollout:
    return Rollout(
        id=RolloutId(id),
        service=service,
        kind=Kind.SHIP,
        commit="c" * 40,
        tree="t",
        release=None,
        state=state,
        entered=NOW,
        deadline=NOW,
        lane=LaneId("deadbeef"),
        submitted=NOW,
        by="ada",
        reason=Reason(code="SUBMITTED", owner=Owner.PLATFORM, facts={"by": "ada"}),
    )


def job(id: str) -> Job:
    return Job(
        id=JobId(id), kind=JobKind.GATE, name="unit", place=Place.WORKSHOP, rollout=RolloutId("a1"), service=ORDERS,
        commit="c", round=0, attempt=1, command="x", limit=timedelta(minutes=1), source="s",
    )  # fmt: skip


def born(store: Store, *rollouts: Rollout) -> None:
    store.commit(Change(at=NOW, rollouts=tuple((None, r) for r in rollouts)))


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.touch(mode=0o644)
    Store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_migrations_make_what_the_queries_expect(store: Store) -> None:
    made = inspect(store._engine)
    fresh = create_engine("sqlite://")
    metadata.create_all(fresh)
    expected = inspect(fresh)
    for table in metadata.tables:
        found = {c["name"]: (str(c["type"]), c["nullable"]) for c in made.get_columns(table)}
        assert found == {c["name"]: (str(c["type"]), c["nullable"]) for c in expected.get_columns(table)}, table


def test_the_stated_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_current_head() == schema.HEAD


def test_a_store_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(NewerStore, match="written by a newer Twinstage"):
        Store(path)


def test_a_file_that_is_no_store_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"not a database, and longer than its header would be" * 20)
    before = path.read_bytes()
    with pytest.raises(DamagedStore, match="put a copy of it back"):
        Store(path)
    assert path.read_bytes() == before, "somebody may still save something of it"


def test_half_a_store_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    made = Store(path)
    made.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DamagedStore, match="put a copy of it back"):
        Store(path)


def test_a_store_from_a_copy_comes_after_whoever_spoke_since(store: Store) -> None:
    assert store.take(NOW, after=41) == 42
    assert store.take(NOW, after=3) == 43


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "migrations"
    (broken / "versions").mkdir(parents=True)
    for file in (schema.MIGRATIONS / "versions").glob("v*.py"):
        text = file.read_text().replace("    _journal()\n", "    raise OSError('full')\n")
        (broken / "versions" / file.name).write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", broken)
        with pytest.raises(OSError, match="full"):
            Store(tmp_path / "store.sqlite")
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
    Store(tmp_path / "store.sqlite").close()


def as_first_stored(noun: object) -> str:
    """Its JSON without the fields that came after schema 0001."""
    later = {"skipped", "subject"}
    return json.dumps({name: value for name, value in json.loads(dumps(noun)).items() if name not in later})


def test_a_store_of_an_older_version_is_brought_up_with_everything_in_it(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(store, "orders")
    services, path = store.services(), tmp_path / "older.sqlite"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "HEAD", "0001")
        Store(path).close()
    row = ("a1", "orders", "building", True, 1, as_first_stored(rollout("a1")))
    with sqlite3.connect(path) as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'freezes'").fetchall()
        connection.execute("INSERT INTO services VALUES ('orders', 1, ?)", [as_first_stored(services[ORDERS])])
        connection.execute("INSERT INTO rollouts (id, service, state, open, version, body) VALUES (?,?,?,?,?,?)", row)
        connection.execute(
            "INSERT INTO jobs (id, rollout, finished, body) VALUES ('j1', 'a1', 0, ?)", [dumps(job("j1"))]
        )
        connection.execute(
            "INSERT INTO journal (at, who, what, why) VALUES ('2026-01-05T12:00:00+00:00', 'a', 'b', 'c')"
        )
    connection.close()
    newer = Store(path)
    assert (newer.rollouts(), newer.services(), newer.freezes()) == ([rollout("a1")], services, {})
    assert [line.why for line in newer.journal()] == ["c"]
    assert newer.jobs(rollout=RolloutId("a1"), unfinished=True) == [job("j1")]
    newer.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema.HEAD,)]
    connection.close()


def test_one_freeze_a_service_and_one_of_all(store: Store) -> None:
    freeze = Freeze(service=ORDERS, by="ada", why="a sale", at=NOW, until=NOW + timedelta(hours=1))
    other, longer = replace(freeze, service=None), replace(freeze, until=NOW + timedelta(hours=2))
    store.commit(Change(at=NOW, freezes=(freeze, other)))
    store.commit(Change(at=NOW, freezes=(longer,)))
    assert store.freezes() == {None: other, ORDERS: longer}
    store.commit(Change(at=NOW, thaws=(other,)))
    assert store.freezes() == {ORDERS: longer}


def test_everything_is_there_after_opening_again(store: Store) -> None:
    configure(store, "orders")
    born(store, rollout("a1"))
    again = Store(store.path)
    assert again.rollouts() == store.rollouts() == [rollout("a1")]
    assert again.services() == store.services()
    again.close()


def test_each_controller_has_its_own_epoch_and_older_ones_are_refused(store: Store) -> None:
    newer = Store(store.path)
    assert newer.take(NOW) == 2
    with pytest.raises(StaleEpoch, match="epoch 2 has it"):
        born(store, rollout("a1"))
    born(newer, rollout("a1"))
    assert [r.id for r in store.rollouts()] == ["a1"], "reading it may still"
    newer.close()


def test_who_has_not_taken_the_store_may_only_ask(store: Store) -> None:
    other = Store(store.path)
    other.add_intent(intent())
    with pytest.raises(StaleEpoch):
        born(other, rollout("a1"))
    other.close()
    assert [i.id for i in store.intents()] == ["i1"]


def test_a_generation_counts_decisions_and_only_those(store: Store) -> None:
    before = store.generation
    store.commit(Change(at=NOW))
    store.add_intent(intent())
    assert store.generation == before
    born(store, rollout("a1"))
    assert store.generation == before + 1
    again = Store(store.path)
    again.take(NOW)
    assert again.generation == before + 1
    again.close()


def test_a_row_that_was_changed_meanwhile_is_not_overwritten(store: Store) -> None:
    born(store, rollout("a1"))
    read = store.rollout("a1")
    moved = replace(read, state=State.GATING)
    store.commit(Change(at=NOW, rollouts=((read, moved),)))
    assert store.rollout("a1").version == 2
    with pytest.raises(Conflict, match="no longer at version 1"):
        store.commit(Change(at=NOW, rollouts=((read, moved),), journal=(LINE,)))
    assert LINE.why not in [row.why for row in store.journal()], "nothing of the change was written"


def test_the_database_itself_lets_one_rollout_of_a_service_into_production(store: Store) -> None:
    first, second = rollout("a1", State.CANARY), rollout("a2", State.VERIFIED)
    born(store, first, second, rollout("b1", State.PRODUCTION, PAYMENTS))
    with pytest.raises(Conflict):
        store.commit(Change(at=NOW, rollouts=((second, replace(second, state=State.PRODUCTION, share=100)),)))
    leaves = (first, replace(first, state=State.RETREATING))
    enters = (second, replace(second, state=State.PRODUCTION, share=100))
    store.commit(Change(at=NOW, rollouts=(enters, leaves)))
    assert store.rollout("a2").state is State.PRODUCTION


def test_the_journal_only_grows(store: Store) -> None:
    store.commit(Change(at=NOW, journal=(LINE, LINE)))
    for statement in ("UPDATE journal SET who = 'nobody'", "DELETE FROM journal"):
        with sqlite3.connect(store.path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        connection.close()
    rows = store.journal(after=1)
    assert [(r.seq, r.who, r.why, r.at) for r in rows] == [(2, "ada", "because", NOW), (3, "ada", "because", NOW)]
    assert [r.seq for r in store.journal(limit=1)] == [1]
    assert [r.seq for r in store.journal(limit=2, tail=True)] == [2, 3]


def test_a_services_ports_are_equally_far_into_their_ranges_and_stay(store: Store) -> None:
    configure(store, "orders", "payments", busy=(10000, 14001))
    services = store.services()
    assert services[ORDERS].frontends == {Ecosystem.PRODUCTION: 10002, Ecosystem.STAGING: 14002}
    assert services[ORDERS].backends == {Ecosystem.PRODUCTION: 12002, Ecosystem.STAGING: 16002}
    assert services[PAYMENTS].frontends[Ecosystem.PRODUCTION] == 10003
    configure(store, "payments")
    assert store.services()[ORDERS].removed
    configure(store, "payments", "cart")
    assert store.services()[ServiceName("cart")].frontends[Ecosystem.PRODUCTION] == 10000, "only what is free now"
    configure(store, "orders", "payments", "cart")
    back = store.services()[ORDERS]
    assert (back.removed, back.frontends) == (False, services[ORDERS].frontends)


def test_without_a_free_port_nothing_is_taken_over(store: Store) -> None:
    with pytest.raises(NoPorts, match="cannot give ports to orders"):
        configure(store, "orders", busy=tuple(range(10000, 11000)))
    assert store.ecosystem() is None
    assert not store.services()


def test_the_file_is_kept_as_it_was_given(store: Store) -> None:
    assert store.policy() == Policy()
    configure(store, "orders")
    file = store.ecosystem()
    assert file is not None
    assert [entry.repository for entry in file.services] == ["/repos/orders"]


def test_rollouts_are_found_by_the_beginning_of_their_name(store: Store) -> None:
    born(store, rollout("abc1"), rollout("abd2", State.LIVE), rollout("ab"))
    assert store.rollout("abc").id == "abc1"
    assert store.rollout("ab").id == "ab", "a whole name is never ambiguous"
    for name, words in (("a", "give more"), ("x", "none of that name"), ("", "none of that name"), ("%", "none")):
        with pytest.raises(Unknown, match=words):
            store.rollout(name)
    assert [r.id for r in store.rollouts(open_only=True)] == ["ab", "abc1"], "newest first"
    assert [r.id for r in store.rollouts(service=ORDERS, limit=1)] == ["ab"]


def test_a_job_is_recorded_once_and_its_result_too(store: Store) -> None:
    store.commit(Change(at=NOW, jobs=(job("j1"), job("j2"))))
    store.commit(Change(at=NOW, jobs=(replace(job("j1"), command="another"),)))
    assert store.job(JobId("j1")).command == "x"
    done = replace(job("j1"), result=JobResult.SUCCEEDED)
    store.commit(Change(at=NOW, results=(done,)))
    store.commit(Change(at=NOW, results=(replace(done, result=JobResult.LOST),)))
    assert store.job(JobId("j1")).result is JobResult.SUCCEEDED
    assert [j.id for j in store.jobs(unfinished=True)] == ["j2"]
    assert [j.id for j in store.jobs(rollout=RolloutId("a1"))] == ["j1", "j2"]


def test_data_is_ready_until_its_lane_is_dropped(store: Store) -> None:
    lane, main = data("0a0b0c0d"), data("main")
    clone = Clone(service=ORDERS, lane=LaneId("0a0b0c0d"), release=ReleaseId("r1"), since=NOW)
    store.commit(Change(at=NOW, ready=(lane, main), clones=(clone,)))
    store.commit(Change(at=NOW, ready=(main,), clones=(replace(clone, release=ReleaseId("r2")),)))
    assert store.ready() == {lane, main}
    assert [c.release for c in store.clones()] == ["r2"]
    store.commit(Change(at=NOW, dropped=(clone,)))
    assert (store.ready(), store.clones()) == ({main}, [])


def test_jobs_on_data_are_found_by_it_and_those_that_nobody_waits_for_by_their_service(store: Store) -> None:
    def on(id: str, kind: JobKind, rollout: RolloutId | None) -> Job:
        return replace(job(id), kind=kind, place=Place.STAGING, release=ReleaseId("r1"), data="main", rollout=rollout)

    mine, lone = on("j1", JobKind.MIGRATE, RolloutId("a1")), on("j2", JobKind.PREPARE, None)
    store.commit(Change(at=NOW, jobs=(mine, lone, on("j3", JobKind.GATE, RolloutId("a1")))))
    assert store.data_jobs(data("main")) == [mine, lone]
    assert store.data_jobs(data("0a0b0c0d")) == []
    assert store.lone_jobs(ORDERS) == [lone]
    assert store.lone_jobs(PAYMENTS) == []
    assert store.job(JobId("j2")).rollout is None


def test_a_migration_is_recorded_once(store: Store) -> None:
    done = Migration(key=data("main"), database="orders", job=JobId("j1"), rollout=None, at=NOW, before="a", after="b")
    store.commit(Change(at=NOW, migrations=(done, done)))
    store.commit(Change(at=NOW, migrations=(replace(done, after="c"),)))
    assert store.migrations(ORDERS) == [done]
    assert store.migrations(PAYMENTS) == []


def data(which: str) -> DataKey:
    return DataKey(ecosystem=Ecosystem.STAGING, service=ORDERS, data=which, release=ReleaseId("r1"))


def test_evidence_is_the_latest_of_each_gate(store: Store) -> None:
    def shown(gate: str, passed: bool) -> Evidence:
        return Evidence(service=ORDERS, commit="c", tree="t", gate=gate, passed=passed, by="x", at=NOW)

    store.commit(Change(at=NOW, evidence=(shown("unit", False), shown("lint", True), shown("unit", True))))
    assert [(e.gate, e.passed) for e in store.evidence(ORDERS, "c")] == [("unit", True), ("lint", True)]
    assert store.evidence(PAYMENTS, "c") == []


def test_a_break_of_the_mirror_begins_once_and_ends(store: Store) -> None:
    begun = MirrorBreak(service=ORDERS, since=NOW, until=None, detail="0 of 1 healthy")
    store.commit(Change(at=NOW, breaks=(begun,)))
    with pytest.raises(Conflict):
        store.commit(Change(at=NOW, breaks=(begun,)))
    later = NOW + timedelta(seconds=5)
    store.commit(Change(at=later, breaks=(replace(begun, until=later),)))
    assert store.mirror_breaks() == []
    assert store.mirror_breaks(open_only=False, since=NOW) == [replace(begun, until=later)]
    assert store.mirror_breaks(open_only=False, since=later + timedelta(seconds=1)) == []


def test_an_intent_is_answered_with_its_effect_or_not_at_all(store: Store) -> None:
    store.add_intent(intent())
    store.add_intent(intent())
    (asked,) = store.intents()
    answered = replace(asked, answered=NOW, accepted=True, answer="done")
    lost = rollout("zz")
    with pytest.raises(Conflict):
        store.commit(Change(at=NOW, intent=answered, rollouts=((lost, lost),)))
    assert [i.id for i in store.intents()] == ["i1"]
    store.commit(Change(at=NOW, intent=answered))
    assert store.intents() == []
    assert store.intent("i1").answer == "done"


def test_other_threads_read_while_the_controller_writes(store: Store) -> None:
    born(store, rollout("a1"))
    found: list[object] = []

    def read() -> None:
        try:
            found.extend(store.rollout("a1").id for _ in range(50))
        except Exception as trouble:
            found.append(trouble)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(50):
        store.commit(Change(at=NOW, journal=(replace(LINE, why=str(number)),)))
    for reader in readers:
        reader.join()
    assert found == ["a1"] * 200


def test_nothing_unknown_is_made_up(store: Store) -> None:
    for call in (lambda: store.job(JobId("x")), lambda: store.intent("x"), lambda: store.release("r_x")):  # type: ignore[arg-type]
        with pytest.raises(Unknown, match="none of that name"):
            call()
    assert store.watch(RolloutId("x")) is None
    assert store.last_crossings() == {Ecosystem.PRODUCTION: 0, Ecosystem.STAGING: 0}
