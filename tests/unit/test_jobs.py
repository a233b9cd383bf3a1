"""Jobs are derived from the rollout, and their ends read as evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from twinstage.jobs.databases import drop_job, key_of, migrate_job, prepare_job
from twinstage.jobs.results import evidence
from twinstage.jobs.review import review
from twinstage.jobs.specs import NoSuchGate, build_job, export_name, gate_job, verify_job
from twinstage.model.commit import CommitInfo
from twinstage.model.database import DataKey
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Digest, Ecosystem, LaneId, Place, ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Artifact, Definition, Process, Release
from twinstage.model.rollout import Kind, Rollout, State

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ORDERS = ServiceName("orders")
DEFINITION = Definition(
    service=ORDERS,
    build="make",
    processes={"web": Process(run="serve", instances={Ecosystem.PRODUCTION: 2, Ecosystem.STAGING: 1})},
    depends_on=(ServiceName("payments"), ServiceName("catalog")),
    config={"MODE": {Ecosystem.PRODUCTION: "live", Ecosystem.STAGING: "sandbox"}},
    gates={"lint": "ruff check ."},
    verify="pytest tests/staging",
)
RELEASE = Release(
    id=ReleaseId("r_1"),
    service=ORDERS,
    commit="c" * 40,
    tree="t" * 40,
    artifact=Artifact(kind="tree", digest=Digest("sha256:1"), location="/artifacts/1"),
    definition=DEFINITION,
)
ROLLOUT = Rollout(
    id=RolloutId("ro_1"),
    service=ORDERS,
    kind=Kind.SHIP,
    commit="c" * 40,
    tree="t" * 40,
    release=None,
    state=State.BUILDING,
    entered=NOW,
    deadline=NOW,
    lane=LaneId("0a0b0c0d"),
    submitted=NOW,
    by="ada",
    reason=Reason(code="SUBMITTED", owner=Owner.RELEASE, facts={"by": "ada"}),
)
SOURCE = export_name(ORDERS, "c" * 40)
POLICY = Policy()
COMMIT = CommitInfo(commit="c" * 40, tree="t" * 40, author="Ada", author_email="Ada@shop.example", subject="x")


def test_a_build_has_packages_and_a_place_to_build_at() -> None:
    job = build_job(ROLLOUT, DEFINITION, "/artifacts/1", SOURCE, POLICY, 2)

    assert job.id == "ro_1.build.build.0.2"
    assert (job.place, job.packages, job.builds, job.artifact) == (Place.WORKSHOP, True, "/artifacts/1", None)
    assert (job.command, job.limit, job.source) == ("make", POLICY.limits["build"], f"orders-{'c' * 40}")


def test_a_build_without_a_command_has_an_empty_one() -> None:
    assert build_job(ROLLOUT, replace(DEFINITION, build=None), "/artifacts/1", SOURCE, POLICY, 1).command == ""


def test_a_gate_gets_the_artifact_and_nothing_of_the_configuration() -> None:
    job = gate_job(ROLLOUT, RELEASE, "lint", SOURCE, POLICY, 1)

    assert job.id == "ro_1.gate.lint.0.1"
    assert (job.place, job.packages, job.artifact) == (Place.WORKSHOP, False, RELEASE.artifact)
    assert (job.env, job.calls, job.lane) == ({"CI": "true"}, (), None)


def test_a_gate_without_a_command_is_no_job() -> None:
    with pytest.raises(NoSuchGate, match="unit"):
        gate_job(ROLLOUT, RELEASE, "unit", SOURCE, POLICY, 1)


def test_a_verification_stands_in_staging_with_its_values() -> None:
    job = verify_job(ROLLOUT, RELEASE, SOURCE, POLICY, round=3, attempt=2)

    assert job.id == "ro_1.verify.verify.3.2"
    assert (job.place, job.lane) == (Place.STAGING, "0a0b0c0d")
    assert job.calls == ("orders", "payments", "catalog")
    assert job.env == {"CI": "true", "MODE": "sandbox"}


@pytest.mark.parametrize(
    ("result", "status", "passed", "detail"),
    [
        (JobResult.SUCCEEDED, 0, True, "passed"),
        (JobResult.FAILED, 3, False, "exit status 3"),
        (JobResult.TIMED_OUT, None, False, "did not end within 15 min"),
    ],
)
def test_an_ended_gate_is_evidence(result: JobResult, status: int | None, passed: bool, detail: str) -> None:
    job = replace(
        gate_job(ROLLOUT, RELEASE, "lint", SOURCE, POLICY, 1),
        result=result,
        exit_status=status,
        started=NOW,
        ended=NOW + timedelta(seconds=4),
        log_end="x" * 20_000 + "the end",
    )
    found = evidence(job, "t" * 40, NOW)

    assert found is not None
    assert (found.passed, found.detail, found.seconds, found.job) == (passed, detail, 4.0, job.id)
    assert (found.commit, found.tree, found.gate) == ("c" * 40, "t" * 40, "lint")
    assert found.log_end.endswith("the end")
    assert len(found.log_end) == 8000


@pytest.mark.parametrize("result", [None, JobResult.LOST, JobResult.STOPPED])
def test_a_gate_that_says_nothing_about_the_release_is_no_evidence(result: JobResult | None) -> None:
    assert evidence(replace(gate_job(ROLLOUT, RELEASE, "lint", SOURCE, POLICY, 1), result=result), "t", NOW) is None


def test_only_gates_are_evidence() -> None:
    job = replace(verify_job(ROLLOUT, RELEASE, SOURCE, POLICY, 1, 1), result=JobResult.SUCCEEDED)

    assert job.kind is JobKind.VERIFY
    assert evidence(job, "t", NOW) is None


@pytest.mark.parametrize(
    ("trailers", "passed", "says"),
    [
        ([("Reviewed-by", "Bob <bob@shop.example>")], True, "reviewed by Bob"),
        ([("reviewed-BY", "bob@SHOP.example")], True, "reviewed by bob"),
        ([("Reviewed-by", "Ada <ada@shop.example>"), ("Reviewed-by", "Bob <bob@shop.example>")], True, "Bob"),
        ([], False, "no Reviewed-by trailer"),
        ([("Acked-by", "Bob <bob@shop.example>")], False, "no Reviewed-by trailer"),
        ([("Reviewed-by", "Ada <ada@shop.example>")], False, "only by its author"),
        ([("Reviewed-by", "Eve <eve@elsewhere.example>")], False, "the standard counts *@shop.example"),
        ([("Reviewed-by", "bob")], False, "the standard counts"),
    ],
)
def test_review_is_read_from_the_commit(trailers: list[tuple[str, str]], passed: bool, says: str) -> None:
    found = review(ORDERS, replace(COMMIT, trailers=tuple(trailers)), ["*@shop.example"], NOW)

    assert (found.gate, found.passed) == ("review", passed)
    assert says in found.detail


STORED = replace(
    RELEASE,
    definition=replace(
        DEFINITION,
        databases={"orders": "python -m orders.migrate # all", "plain": None},
        gates={"integration": "pytest"},
        gate_databases={"integration": ("plain", "orders")},
    ),
)
LANE = DataKey(ecosystem=Ecosystem.STAGING, service=ORDERS, data="0a0b0c0d", release=ReleaseId("r_1"))
MAIN = DataKey(ecosystem=Ecosystem.PRODUCTION, service=ORDERS, data="main", release=ReleaseId("r_1"))


def test_a_gate_with_databases_migrates_them_first() -> None:
    job = gate_job(ROLLOUT, STORED, "integration", SOURCE, POLICY, 1)
    assert job.databases == ("plain", "orders")
    assert job.command == "(\npython -m orders.migrate # all\n) || exit $?\npytest"


def test_a_migration_has_its_ecosystems_values_and_no_neighbours() -> None:
    job = migrate_job(MAIN, STORED, "orders", ROLLOUT, SOURCE, POLICY, 2)
    assert job.id == "ro_1.migrate.production-orders.0.2"
    assert (job.place, job.data, job.databases, job.calls) == (Place.PRODUCTION, "main", ("orders",), ())
    assert job.command == "python -m orders.migrate # all"
    assert job.env == {"CI": "true", "MODE": "live"}
    assert job.limit == POLICY.limits["migrate"]
    assert key_of(job) == MAIN


def test_a_standard_from_before_there_were_migrations_gives_them_a_limit() -> None:
    old = replace(POLICY, limits={"build": timedelta(minutes=1)})
    assert migrate_job(MAIN, STORED, "orders", None, SOURCE, old, 1).limit == timedelta(minutes=10)


def test_work_on_databases_that_no_rollout_waits_for_is_named_by_its_data() -> None:
    prepared, dropped = prepare_job(LANE, STORED, None, 1), drop_job(LANE, STORED, 2)
    assert prepared.id == "staging.0a0b0c0d.r_1.prepare.databases.1"
    assert dropped.id == "staging.0a0b0c0d.r_1.drop.databases.2"
    assert (prepared.rollout, prepared.databases, prepared.command) == (None, ("orders", "plain"), "")
    assert key_of(prepared) == key_of(dropped) == LANE
    assert prepare_job(LANE, STORED, ROLLOUT, 1).id == "ro_1.prepare.staging-databases.0.1"


def test_other_jobs_are_about_no_data() -> None:
    assert key_of(gate_job(ROLLOUT, STORED, "integration", SOURCE, POLICY, 1)) is None
