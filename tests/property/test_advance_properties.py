"""Whatever the facts are: advance answers, with an event that the table allows and a reason that can be read."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from plan_world import NAME, NOW, POLICY, PRODUCTION, RELEASES, STAGING, key, rollout, service, workload

from twinstage.model.facts import Answer, Event, Facts, MirrorBreak, Verdict
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Ecosystem, JobId, Place, RolloutId, ServiceName
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Evidence
from twinstage.model.rollout import FINAL, Kind, Rollout, State
from twinstage.model.seen import Health, Observed
from twinstage.pipeline.advance import advance
from twinstage.pipeline.states import LIMIT, apply

OPEN = sorted(set(State) - FINAL, key=lambda state: state.value)
moments = st.integers(-100, 10_000).map(lambda n: NOW + timedelta(seconds=n))
releases = st.sampled_from(list(RELEASES.values()))
maybe = st.none() | moments


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    state = draw(st.sampled_from(OPEN))
    share = draw(st.sampled_from([0, 5, 25, 50, 100]))
    made = rollout(state, share, draw(st.sampled_from(["r1", "r2"])), kind=draw(st.sampled_from(Kind)))
    return replace(
        made,
        release=None if state is State.BUILDING else made.release,
        entered=draw(moments),
        deadline=draw(moments),
        exposed=draw(maybe),
        retry_at=draw(maybe),
        attempt=draw(st.integers(1, 9)),
        group=draw(st.sampled_from([None, "g"])),
        outcome=State.FAILED if state is State.RETREATING else None,
    )


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    kind, name = draw(st.sampled_from([(JobKind.BUILD, "build"), (JobKind.GATE, "lint"), (JobKind.VERIFY, "verify")]))
    attempt = draw(st.integers(1, 3))
    return Job(
        id=JobId(f"o1.{kind.value}.{name}.0.{attempt}"),
        kind=kind,
        name=name,
        place=Place.WORKSHOP,
        rollout=RolloutId("o1"),
        service=NAME,
        commit="r2",
        round=0,
        attempt=attempt,
        command="run",
        limit=timedelta(seconds=60),
        source="x",
        result=draw(st.none() | st.sampled_from(JobResult)),
        exit_status=draw(st.none() | st.integers(0, 3)),
        started=draw(maybe),
        ended=draw(maybe),
    )


@st.composite
def looks(draw: st.DrawFn, eco: Ecosystem) -> Observed:
    found = {}
    for name in ("r1", "r2"):
        health = draw(st.none() | st.lists(st.sampled_from(Health), max_size=3))
        if health is not None:
            found[key(eco, name)] = workload(key(eco, name), tuple(health))
    return Observed(
        ecosystem=eco,
        at=NOW,
        workloads=found,
        routes={},
        parts={"proxy": draw(st.sampled_from(Health))},
        enforced=True,
    )


evidence = st.builds(
    Evidence,
    service=st.just(NAME),
    commit=st.sampled_from(["r1", "r2"]),
    tree=st.just("t"),
    gate=st.sampled_from(POLICY.gates),
    passed=st.booleans(),
    by=st.just("x"),
    at=moments,
    job=st.none(),
)
broken = st.builds(MirrorBreak, service=st.just(ServiceName("p")), since=moments, until=maybe, detail=st.just("ill"))


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    seen = {eco: draw(looks(eco)) for eco in (PRODUCTION, STAGING) if draw(st.integers(0, 4))}
    frozen = Reason(code="FROZEN", owner=Owner.OPERATOR, facts={"what": "orders", "by": "ada", "why": "x"})
    answer = draw(st.none() | st.sampled_from(Answer))
    return Facts(
        service=service(*draw(st.sampled_from([(), ("r1",), ("r2",)]))),
        release=draw(st.none() | releases),
        evidence=tuple(draw(st.lists(evidence, max_size=4))),
        jobs=tuple(draw(st.lists(jobs(), max_size=4))),
        seen=seen,
        others=(rollout(State.CANARY, 5, "r3", 2),) if draw(st.booleans()) else (),
        group=(rollout(draw(st.sampled_from(OPEN)), 0, "r3", 3),) if draw(st.booleans()) else (),
        missing_dependencies=(ServiceName("p"),) if draw(st.booleans()) else (),
        lanes_in_use=draw(st.integers(0, 12)),
        mirror_breaks=tuple(draw(st.lists(broken, max_size=2))),
        crossings=(),
        verdict=None if answer is None else Verdict(answer=answer, detail="x"),
        frozen=draw(st.sampled_from([None, frozen])),
    )


@settings(max_examples=200)
@given(rollouts(), facts(), moments)
def test_advance_always_answers_and_the_answer_can_be_applied(r: Rollout, known: Facts, now) -> None:
    decision = advance(r, known, POLICY, now)
    assert decision.reason.sentence
    after = apply(r, decision, POLICY, now)
    assert after.reason == decision.reason
    assert after.state in LIMIT or after.state in FINAL
    assert (after.outcome is not None) == (after.state is State.RETREATING or after.state in FINAL - {State.LIVE})
    assert 0 <= after.share <= 100
    assert len({job.id for job in decision.jobs}) == len(decision.jobs)
    assert advance(r, known, POLICY, now) == decision, "the same facts give the same decision"
    if decision.event is None:
        assert after.state is r.state


@settings(max_examples=200)
@given(rollouts(), facts(), moments)
def test_while_frozen_nothing_moves_on_in_production_but_everything_gets_out(r: Rollout, known: Facts, now) -> None:
    frozen = Reason(code="FROZEN", owner=Owner.OPERATOR, facts={"what": "orders", "by": "ada", "why": "x"})
    held, free = (advance(r, replace(known, frozen=it), POLICY, now) for it in (frozen, None))
    if r.kind is Kind.ROLLBACK and r.state is not State.CANARY:
        assert held == free, "a rollback is not frozen"
    assert r.kind is Kind.ROLLBACK or held.event not in {Event.TURN, Event.TURN_UNCOMPARED, Event.STEP, Event.PROMOTE}
    if free.event in {Event.UNFIT, Event.COMPLETE, Event.CLEARED, Event.VOID}:
        assert held.event is free.event
