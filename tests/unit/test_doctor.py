"""What `doctor` finds, in a healthy company nothing, and what it says to do about the rest."""

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from face_company import START, Company, Served, release, rollout
from face_company import reason as because
from face_shell import Shell

from twinstage.model.database import Clone
from twinstage.model.facts import MirrorBreak
from twinstage.model.finding import Finding
from twinstage.model.holding import Collection, Holding, HoldingKind
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, JobId, LaneId, Place, RolloutId
from twinstage.model.release import Artifact
from twinstage.model.rollout import Intent, IntentVerb, State
from twinstage.model.seen import Health
from twinstage.runtime.local import host, troubles
from twinstage.runtime.local.ledger import Ports
from twinstage.runtime.local.supervisor.client import ProcessSeen

ORDERS, OTHER = release("orders", "1"), release("orders", "2")
LONG = timedelta(hours=5)


@pytest.fixture
def sound(company: Company, monkeypatch: pytest.MonkeyPatch) -> Company:
    monkeypatch.setattr(host, "troubles", lambda *_: [])
    company.live(ORDERS)
    return company


def findings(shell: Shell) -> dict[str, str]:
    said = shell("doctor", "--json")
    found = {f["about"]: f"{f['what']} -> {f['advice']}" for f in json.loads(said.out)["findings"]}
    assert said.status == (3 if found else 0), said.err
    assert all(len(text.partition(" -> ")[2]) > 10 for text in found.values()), "each says what to do"
    return found


def job(id: str, rollout: str) -> Job:
    return Job(
        id=JobId(id), kind=JobKind.GATE, name="unit", place=Place.WORKSHOP, rollout=RolloutId(rollout),
        service=ORDERS.service, commit="c", round=0, attempt=1, command="x", limit=timedelta(minutes=1), source="s",
    )  # fmt: skip


def test_a_healthy_company_has_no_findings(shell: Shell, sound: Company) -> None:
    said = shell("doctor")
    assert (said.status, said.out) == (0, "✔ shop: everything has an owner, a deadline and a reason\n")
    assert findings(shell) == {}


def test_what_should_have_ended_is_named(shell: Shell, sound: Company) -> None:
    late = rollout("late1", "catalog", State.GATING, because("BUILDING", commit="x"), deadline=START)
    over = rollout("over1", "orders", State.FAILED, because("BUILDING", commit="x"), entered=START)
    tired = rollout("tired", "payments", State.STAGING, because("BUILDING", commit="x"), attempt=7)
    tired = replace(tired, deadline=START + 2 * LONG)
    sound.write(
        rollouts=((None, late), (None, over), (None, tired)),
        jobs=(job("over1.gate", "over1"), job("none.gate", "none"), replace(job("long.gate", "late1"), started=START)),
        breaks=(MirrorBreak(service=ORDERS.service, since=START, until=None, detail="0 of 1 healthy"),),
        collection=Collection(id="c1", at=START, until=START, by="ada", holdings=()),
    )
    sound.store.add_intent(Intent(id="i9", verb=IntentVerb.RESUME, args={}, by="ada", why="x", at=START))
    assert set(findings(shell)) == {"job none.gate", "rollout tired of payments"}, "nothing else is late yet"
    sound.now += LONG
    for ecosystem in Ecosystem:
        sound.latest[ecosystem] = replace(sound.latest[ecosystem], at=sound.now)
    found = findings(shell)
    assert "twinstage abort late1" in found["rollout late1 of catalog"]
    assert "attempt 7" in found["rollout tired of payments"]
    assert "never answered" in found["resume asked by ada"]
    assert "its rollout is failed" in found["job over1.gate"]
    assert "no rollout that is known" in found["job none.gate"]
    assert "longer than its limit of 60 s" in found["job long.gate"]
    assert "0 of 1 healthy" in found["the mirror of orders"]
    assert "should have ended" in found["collection c1"]
    assert len(found) == 8


def test_a_lanes_data_without_a_lane_and_lone_jobs_are_told_apart(shell: Shell, sound: Company) -> None:
    gone = rollout("gone1", "orders", State.FAILED, because("BUILDING", commit="x"), entered=START, lane="aaaaaaaa")
    stands = rollout("here1", "orders", State.STAGING, because("BUILDING", commit="x"), deadline=START + 2 * LONG)
    clones = [
        Clone(service=ORDERS.service, lane=LaneId(lane), release=ORDERS.id, since=START - LONG)
        for lane in ("aaaaaaaa", stands.lane)
    ]
    alone = replace(job("staging.main.r.migrate.orders.1", ""), rollout=None, kind=JobKind.MIGRATE)
    sound.write(rollouts=((None, gone), (None, stands)), clones=tuple(clones), jobs=(alone,))
    assert findings(shell) == {}, "it may be being dropped still"
    sound.now += timedelta(minutes=11)
    for ecosystem in Ecosystem:
        sound.latest[ecosystem] = replace(sound.latest[ecosystem], at=sound.now)
    found = findings(shell)
    assert "its databases in staging are still there" in found["lane aaaaaaaa of orders"]
    assert len(found) == 1


def test_what_runs_and_nobody_wants_is_named(shell: Shell, sound: Company) -> None:
    sound.write(releases=(OTHER,))
    for ecosystem in Ecosystem:
        sound.see(ecosystem, (ORDERS, 1), (OTHER, 1), ill={ORDERS.id: Health.CRASHING})
    sound.jobs = {JobId("stray.gate"): replace(job("stray.gate", "x"), started=START)}
    assert {about for about in findings(shell) if "instance" not in about} == set(), "it may be draining still"
    sound.now += LONG
    for ecosystem in Ecosystem:
        sound.latest[ecosystem] = replace(sound.latest[ecosystem], at=sound.now)
    found = findings(shell)
    assert "nobody wants it" in found[f"orders {OTHER.id} in staging"]
    assert "no rollout has asked for it" in found["job stray.gate"]
    assert "exited with status 1" in found[f"instance production.orders.web.{ORDERS.id}.1.main.0"]


def test_parts_and_the_runtimes_own_troubles_are_named(shell: Shell, sound: Company) -> None:
    staging = sound.latest[Ecosystem.STAGING]
    parts = {**staging.parts, "proxy": Health.UNHEALTHY}
    sound.latest[Ecosystem.STAGING] = replace(staging, parts=parts, enforced=False)
    del sound.latest[Ecosystem.PRODUCTION]
    trouble = Finding(about="the edge", what="nothing listens", advice="see edge.log of the core")
    sound.runtime.troubles_ = [trouble]
    sound.now += timedelta(minutes=1)
    found = findings(shell)
    assert {"production", "staging", "the proxy of staging", "the edge", "the disk"} == set(found)
    said = shell("doctor")
    assert "✘ the edge: nothing listens" in said.out
    assert "→ see edge.log of the core" in said.out


def test_what_lies_about_is_named(shell: Shell, sound: Company) -> None:
    def tree(name: str) -> Holding:
        return Holding(kind=HoldingKind.ARTIFACT, name=name, place=Place.WORKSHOP, bytes=9, at=START)

    sound.holdings = (tree("1" * 12), tree("lone"))
    sound.intact = lambda artifact: artifact != ORDERS.artifact
    sound.now += LONG
    for ecosystem in Ecosystem:
        sound.latest[ecosystem] = replace(sound.latest[ecosystem], at=sound.now)
    found = findings(shell)
    assert set(found) == {"artifact lone", "orders"}
    assert "submit commit 1111" in found["orders"]

    def refused(artifact: Artifact) -> bool:
        raise PermissionError(13, "Permission denied")

    sound.intact = refused
    assert "cannot be checked" in findings(shell)["orders"]
    gone = Collection(id="c1", at=START, until=START, by="ada", holdings=(tree("lone"),))
    sound.write(collection=gone)
    sound.write(collection=replace(gone, done=START))
    sound.now += timedelta(days=2)
    for ecosystem in Ecosystem:
        sound.latest[ecosystem] = replace(sound.latest[ecosystem], at=sound.now)
    assert "still there" in findings(shell)["the disk"]


def test_a_store_that_somebody_changed_is_named(shell: Shell, sound: Company) -> None:
    with sqlite3.connect(sound.store.path) as connection:
        connection.execute("DROP TRIGGER journal_refuses_delete")
        connection.execute("DELETE FROM journal WHERE seq = 1")
        connection.execute("""INSERT INTO jobs (id, rollout, finished, body) VALUES ('x', 'y', 1, '{"id": 3}')""")
    connection.close()
    assert sound.store.integrity() == [
        "the journal has 1 lines with numbers from 2 to 2: some were taken out",
        "the journal is not guarded against changes any more: journal_refuses_delete is missing",
        "1 rows of jobs cannot be read as what they should be",
    ]


def test_rows_that_cannot_be_read_hide_nothing_else(shell: Shell, sound: Company) -> None:
    with sqlite3.connect(sound.store.path) as connection:
        connection.execute("""UPDATE services SET body = replace(body, 'baselines', 'baseline')""")
        connection.execute("""UPDATE rollouts SET body = replace(body, '"live"', '"lyve"')""")
    connection.close()
    sound.runtime.troubles_.append(Finding(about="the edge", what="is deaf", advice="shout at it louder"))
    told = findings(shell)
    assert "cannot be read" in told[f"the store {sound.store.path}"]
    assert told["the edge"].startswith("is deaf")


def test_without_a_controller_it_says_what_it_can(
    shell: Shell, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Finding(about="edge of the core", what="is fatal: no", advice="`twinstage up` starts what is missing")
    monkeypatch.setattr(host, "troubles", lambda *_: [own])
    monkeypatch.setattr("twinstage.runtime.local.places.socket_root", lambda: Path("/nonexistent"))
    found = findings(lambda *args: shell(*args, "--ecosystem", "shop"))
    assert set(found) == {"edge of the core", "the controller"}


def process(name: str, state: str) -> ProcessSeen:
    return ProcessSeen(name=name, state=state, pid=0, started=0, stopped=0, exit_status=1, error="")


def test_programs_of_the_core_that_are_down_are_named() -> None:
    (found,) = troubles.core([process("edge", "FATAL"), process("controller", "RUNNING")])
    assert (found.about, found.what) == ("edge of the core", "is fatal: exit status 1")


def test_frontends_that_nobody_listens_on_are_named() -> None:
    ports = Ports(services={ORDERS.service: {Ecosystem.PRODUCTION: (10000, 1), Ecosystem.STAGING: (14000, 2)}})  # type: ignore[arg-type]
    assert list(troubles.doors(ports, lambda _: True)) == []
    (found,) = troubles.doors(ports, lambda port: port == 10000)
    assert "orders (staging, 14000)" in found.what
