"""BUILDING, GATING, CANDIDATE: what each fact leads to, and what people read."""

from dataclasses import replace

import pytest
from handmade import COMMANDS, POLICY, at, facts, job, proof, release, rollout, s

from twinstage.model.facts import Event
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Phase, ServiceName
from twinstage.model.rollout import State
from twinstage.pipeline.advance import advance
from twinstage.pipeline.states import apply

BUILD, GATE = JobKind.BUILD, JobKind.GATE
PROVEN = tuple(proof(gate) for gate in POLICY.gates)


def building(**more):
    return rollout(State.BUILDING, deadline=at(100), **more)


def gating(**more):
    return rollout(State.GATING, deadline=at(100), **more)


def test_a_build_under_way_is_waited_for() -> None:
    d = advance(building(), facts(release=None, jobs=(job(BUILD, "build"),)), POLICY, at(10))
    assert (d.event, d.reason.code, d.reason.until) == (None, "BUILDING", at(100))
    assert d.reason.sentence == "building commit commit-r2"


def test_a_build_whose_release_is_not_sealed_yet_is_waited_for() -> None:
    done = job(BUILD, "build", JobResult.SUCCEEDED)
    assert advance(building(), facts(release=None, jobs=(done,)), POLICY, at(10)).event is None
    assert advance(building(), facts(release=None), POLICY, at(10)).reason.code == "BUILDING"


def test_a_built_release_starts_all_its_gates_at_once() -> None:
    done = job(BUILD, "build", JobResult.SUCCEEDED)
    d = advance(building(attempt=3), facts(jobs=(done,), evidence=(proof("review"),)), POLICY, at(10))
    assert (d.event, d.reason.code) == (Event.BUILT, "GATES_RUNNING")
    assert [j.name for j in d.jobs] == ["lint", "unit", "integration"]
    assert {j.attempt for j in d.jobs} == {1}, "the attempt is of the present work"


def test_a_release_that_exists_already_needs_no_build() -> None:
    assert advance(building(), facts(), POLICY, at(1)).event is Event.BUILT


def test_evidence_that_exists_is_used_again() -> None:
    d = advance(building(), facts(evidence=(proof("lint"), proof("unit", commit="other"))), POLICY, at(1))
    assert [j.name for j in d.jobs] == ["integration"]


@pytest.mark.parametrize(
    ("result", "code"), [(JobResult.FAILED, "BUILD_FAILED"), (JobResult.TIMED_OUT, "BUILD_TIMED_OUT")]
)
def test_a_failed_build_blames_the_release(result: JobResult, code: str) -> None:
    d = advance(building(), facts(release=None, jobs=(job(BUILD, "build", result, exit_status=2),)), POLICY, at(9))
    assert (d.event, d.reason.code) == (Event.UNFIT, code)
    assert d.reason.sentence


def test_a_lost_build_blames_the_platform_and_is_done_again() -> None:
    r, lost = building(), job(BUILD, "build", JobResult.LOST)
    d = advance(r, facts(release=None, jobs=(lost,)), POLICY, at(6))
    assert (d.event, d.reason.code, d.retry_at, d.jobs) == (None, "PLATFORM_TROUBLE", at(7), ())
    assert "attempt 2" in d.reason.sentence
    r = apply(r, d, POLICY, at(6))
    early = advance(r, facts(release=None, jobs=(lost,)), POLICY, at(6.5))
    assert (early.retry_at, early.jobs) == (at(7), ())
    d = advance(r, facts(release=None, jobs=(lost,)), POLICY, at(7))
    assert [j.id for j in d.jobs] == ["o1.build.build.0.2"]
    assert d.jobs[0].result is d.jobs[0].started is d.jobs[0].ended is None
    r = apply(r, d, POLICY, at(7))
    assert advance(r, facts(release=None, jobs=(lost, d.jobs[0])), POLICY, at(8)).jobs == ()
    again = advance(r, facts(release=None, jobs=(lost, replace(d.jobs[0], result=JobResult.LOST))), POLICY, at(9))
    assert again.retry_at == at(11), "each time a little longer"


def test_time_runs_out_only_by_the_builds_own_fault() -> None:
    r = building()
    waiting = facts(release=None, jobs=(job(BUILD, "build", started=None),))
    assert advance(r, waiting, POLICY, at(1000)).event is None, "it has not even started"
    late = facts(release=None, jobs=(job(BUILD, "build", started=at(90), limit=s(60)),))
    assert advance(r, late, POLICY, at(120)).event is None, "it started late"
    d = advance(r, late, POLICY, at(200))
    assert (d.event, d.reason.code) == (Event.UNFIT, "DEADLINE")
    assert "building" in d.reason.sentence


def test_complete_evidence_makes_a_candidate() -> None:
    d = advance(gating(), facts(evidence=PROVEN), POLICY, at(9))
    assert (d.event, d.reason.code) == (Event.EVIDENCE_COMPLETE, "EVIDENCE_COMPLETE")
    by_tree = tuple(replace(e, commit="a-squash") for e in PROVEN)
    assert advance(gating(), facts(evidence=by_tree), POLICY, at(9)).event is Event.EVIDENCE_COMPLETE
    of_another = tuple(replace(e, commit="x", tree="y") for e in PROVEN)
    assert advance(gating(), facts(evidence=of_another), POLICY, at(9)).event is None


def test_one_failed_gate_waits_for_no_other() -> None:
    jobs = tuple(job(GATE, gate) for gate in COMMANDS)
    bad = proof("unit", False, job=jobs[1].id, detail="exit status 1")
    d = advance(gating(), facts(jobs=jobs, evidence=(bad,)), POLICY, at(9))
    assert (d.event, d.reason.code) == (Event.UNFIT, "GATE_FAILED")
    assert d.reason.sentence == "refused before staging: gate unit failed for commit commit-r2: exit status 1"


def test_a_missing_review_refuses() -> None:
    bad = proof("review", False, detail="the commit has no Reviewed-by trailer")
    d = advance(gating(), facts(evidence=(*PROVEN[:3], bad)), POLICY, at(9))
    assert (d.event, d.reason.code) == (Event.UNFIT, "REVIEW_AWAITED")
    for told in (
        "commit-r2",
        "no Reviewed-by trailer",
        *POLICY.reviewers,
        "never from the author",
        "`Reviewed-by: Name <address>`",
    ):
        assert told in d.reason.sentence
    built = advance(building(), facts(evidence=(bad,)), POLICY, at(9))
    assert (built.event, built.jobs) == (Event.BUILT, ()), "no gate runs for what is refused anyway"
    assert built.reason.sentence == "built; no gate is run: gate review has not passed"


def test_a_release_without_a_gate_to_run_says_why() -> None:
    proven = advance(building(), facts(evidence=PROVEN), POLICY, at(9))
    assert (proven.event, proven.reason.code) == (Event.BUILT, "NO_GATE_RUNS")
    assert "every gate has passed" in proven.reason.sentence
    skipped = advance(building(skips=frozenset({Phase.DEVELOPMENT})), facts(), POLICY, at(9))
    assert (skipped.jobs, "skipped" in skipped.reason.sentence) == ((), True)


def test_an_earlier_rollouts_failure_is_run_again_for_the_same_commit() -> None:
    old = proof("unit", False, at=at(-100), job="o0.gate.unit.0.1")
    d = advance(gating(), facts(evidence=(*(e for e in PROVEN if e.gate != "unit"), old)), POLICY, at(9))
    assert (d.event, [j.name for j in d.jobs]) == (None, ["unit"])


def test_a_gate_without_a_command_says_which_line_to_add() -> None:
    bare = release("r2", gates={"lint": "ruff check"})
    d = advance(building(), facts(release=bare), POLICY, at(9))
    assert (d.event, d.jobs) == (Event.BUILT, ()), "nothing runs that cannot pass"
    assert "gate unit has no command" in d.reason.sentence
    d = advance(gating(), facts(release=bare), POLICY, at(9))
    assert (d.event, d.reason.code) == (Event.UNFIT, "GATE_MISSING")
    assert "`unit: <command>`" in d.reason.sentence


def test_a_service_may_be_stricter() -> None:
    strict = release("r2", gates={**COMMANDS, "licences": "check"})
    d = advance(gating(), facts(release=strict, evidence=PROVEN), POLICY, at(9))
    assert (d.event, [j.name for j in d.jobs]) == (None, ["licences"])


def test_gates_under_way_are_waited_for_and_not_started_twice() -> None:
    jobs = tuple(job(GATE, gate) for gate in COMMANDS)
    d = advance(gating(), facts(jobs=jobs, evidence=(proof("review"),)), POLICY, at(9))
    assert (d.event, d.reason.code, d.jobs) == (None, "GATES_RUNNING", ())
    assert advance(gating(), facts(release=None), POLICY, at(9)).reason.code == "GATES_RUNNING"


def test_lost_gates_are_run_again_and_only_they() -> None:
    jobs = (job(GATE, "lint", JobResult.LOST), job(GATE, "unit"), job(GATE, "integration", JobResult.STOPPED))
    known = facts(jobs=jobs, evidence=(proof("review"),))
    d = advance(gating(), known, POLICY, at(9))
    assert d.reason.code == "PLATFORM_TROUBLE"
    r = apply(gating(), d, POLICY, at(9))
    d = advance(r, known, POLICY, at(20))
    assert [j.id for j in d.jobs] == ["o1.gate.lint.0.2", "o1.gate.integration.0.2"]


def test_gates_that_overrun_end_it() -> None:
    d = advance(gating(), facts(jobs=tuple(job(GATE, g) for g in COMMANDS)), POLICY, at(300))
    assert (d.event, d.reason.code) == (Event.UNFIT, "DEADLINE")


def test_a_candidate_is_admitted() -> None:
    d = advance(rollout(State.CANDIDATE), facts(), POLICY, at(1))
    assert (d.event, d.reason.code) == (Event.ADMITTED, "DEPLOYING_LANE")


def test_a_candidate_waits_for_what_it_calls_and_for_a_place() -> None:
    d = advance(rollout(State.CANDIDATE), facts(missing_dependencies=(ServiceName("payments"),)), POLICY, at(1))
    assert (d.event, d.reason.code) == (None, "WAITS_FOR_DEPENDENCIES")
    assert "payments" in d.reason.sentence
    d = advance(rollout(State.CANDIDATE), facts(lanes_in_use=POLICY.max_lanes), POLICY, at(9999))
    assert (d.event, d.reason.code) == (None, "WAITS_FOR_PLACE")


def test_a_group_is_admitted_together_and_needs_one_place() -> None:
    r = rollout(State.CANDIDATE, group="g")

    def mate(state: State):
        return rollout(state, "o2", "p1", "payments", group="g")

    d = advance(r, facts(group=(mate(State.GATING),)), POLICY, at(1))
    assert (d.event, d.reason.code) == (None, "WAITS_FOR_GROUP")
    assert advance(r, facts(group=(mate(State.CANDIDATE),)), POLICY, at(1)).event is Event.ADMITTED
    full = facts(group=(mate(State.STAGING),), lanes_in_use=POLICY.max_lanes)
    assert advance(r, full, POLICY, at(1)).event is Event.ADMITTED, "its lane is there already"
