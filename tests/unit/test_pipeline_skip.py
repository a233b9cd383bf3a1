"""Phases left out: from where, to where, and what stays as it is."""

from dataclasses import replace

import pytest
from handmade import NOW, POLICY, at, crossing, facts, job, release, rollout, service

from twinstage.model.facts import Event
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Phase, ServiceName
from twinstage.model.rollout import FINAL, Skip, State
from twinstage.pipeline.advance import advance
from twinstage.pipeline.skip import ahead, left_out
from twinstage.pipeline.states import apply


def skipping(state: State, *phases: Phase):
    asked = tuple(Skip(phase=phase, by="ada", why="payments are lost", at=NOW) for phase in phases)
    return rollout(state, round=1, skips=frozenset(phases), skipped=asked)


@pytest.mark.parametrize(
    ("state", "phase", "to"),
    [
        (State.GATING, Phase.DEVELOPMENT, State.CANDIDATE),
        (State.CANDIDATE, Phase.STAGING, State.VERIFIED),
        (State.STAGING, Phase.STAGING, State.VERIFIED),
        (State.VERIFYING, Phase.STAGING, State.VERIFIED),
    ],
)
def test_a_phase_that_is_left_out_is_left_at_once_with_who_and_why(state: State, phase: Phase, to: State) -> None:
    r = skipping(state, phase)
    d = advance(r, facts(), POLICY, at(1))
    assert (d.event, d.reason.code) == (Event.SKIP, "SKIPPED")
    assert d.reason.sentence == f"{phase.value} is skipped by ada: payments are lost"
    assert (apply(r, d, POLICY, at(1)).state, apply(r, d, POLICY, at(1)).skips) == (to, r.skips)


@pytest.mark.parametrize(
    ("state", "phase"),
    [(State.GATING, Phase.STAGING), (State.VERIFYING, Phase.CANARY), (State.CANDIDATE, Phase.CANARY)],
)
def test_a_phase_to_come_is_not_left_yet(state: State, phase: Phase) -> None:
    assert advance(skipping(state, phase), facts(), POLICY, at(1)).event is not Event.SKIP


def test_without_development_it_is_built_and_no_gate_starts() -> None:
    built = job(JobKind.BUILD, "build", JobResult.SUCCEEDED, round=1)
    r = skipping(State.BUILDING, Phase.DEVELOPMENT)
    d = advance(r, facts(release=release(), jobs=(built,)), POLICY, at(1))
    assert (d.event, d.jobs) == (Event.BUILT, ())


def test_neither_a_crossing_nor_a_missing_dependency_is_skipped() -> None:
    r = skipping(State.VERIFYING, Phase.STAGING)
    assert advance(r, facts(crossings=(crossing(),)), POLICY, at(1)).event is Event.UNFIT
    lacking = facts(missing_dependencies=(ServiceName("payments"),), service=service())
    d = advance(skipping(State.CANDIDATE, Phase.STAGING), lacking, POLICY, at(1))
    assert (d.event, d.reason.code) == (None, "WAITS_FOR_DEPENDENCIES")


def test_what_can_still_be_left_out() -> None:
    every = (Phase.DEVELOPMENT, Phase.STAGING, Phase.CANARY)
    assert ahead(State.BUILDING) == ahead(State.GATING) == every
    assert ahead(State.CANDIDATE) == ahead(State.VERIFYING) == every[1:]
    assert ahead(State.VERIFIED) == ahead(State.CANARY) == every[2:]
    for state in {State.PRODUCTION, State.RETREATING, *FINAL}:
        assert ahead(state) == ()


def test_jobs_of_a_phase_that_is_left_out_are_of_no_use() -> None:
    gate, verify = job(JobKind.GATE, "unit", None), job(JobKind.VERIFY, "verify", None)
    build = replace(gate, kind=JobKind.BUILD, name="build")
    r = skipping(State.STAGING, Phase.DEVELOPMENT)
    assert [left_out(it, r) for it in (build, gate, verify)] == [False, True, False]
    assert left_out(verify, skipping(State.VERIFIED, Phase.STAGING))
