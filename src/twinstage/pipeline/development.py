"""Development: from a commit to a candidate. BUILDING, GATING, CANDIDATE."""

from collections.abc import Sequence
from datetime import datetime

from twinstage.jobs.specs import REVIEW, export_name, gate_job
from twinstage.model.facts import Decision, Event, Facts
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Ecosystem, Phase
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Evidence, Release
from twinstage.model.rollout import HAS_LANE, Rollout, State
from twinstage.pipeline.secrecy import missing, told
from twinstage.pipeline.waits import dependencies, mates_behind
from twinstage.pipeline.work import NO_RESULT, latest, overdue, regain


def building(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """Waits for the release. It may be there without a job: the same content was built before."""
    running = Reason(
        code="BUILDING", owner=Owner.RELEASE, facts={"commit": rollout.commit[:12]}, until=rollout.deadline
    )
    job = latest(facts.jobs, JobKind.BUILD, "build", rollout.round)
    if facts.release is not None and (job is None or job.result in {JobResult.SUCCEEDED, *NO_RESULT}):
        return _built(rollout, facts, facts.release, policy)
    if job is None or job.result is JobResult.SUCCEEDED:
        return Decision(event=None, reason=running)
    if job.result in NO_RESULT:
        return regain(rollout, [job], running, now)
    if job.result is JobResult.FAILED:
        status = "none" if job.exit_status is None else job.exit_status
        return _unfit(Reason(code="BUILD_FAILED", owner=Owner.RELEASE, facts={"status": status}))
    if job.result is JobResult.TIMED_OUT:
        return _unfit(Reason(code="BUILD_TIMED_OUT", owner=Owner.RELEASE))
    if overdue(rollout, [job], now):
        return _unfit(_late(rollout, "the build gives no result"))
    return Decision(event=None, reason=running)


def _built(rollout: Rollout, facts: Facts, release: Release, policy: Policy) -> Decision:
    """All gates start at once. None does when they are skipped, or one cannot pass anyway: GATING says so at once."""
    gates = required(release, policy)
    none = Phase.DEVELOPMENT in rollout.skips or _lacking(gates, release)
    todo = [] if none else _to_run(rollout, facts, gates)
    jobs = tuple(gate_job(rollout, release, gate, _source(rollout), policy, 1) for gate in todo)
    reason = _running(rollout, todo) if todo else _nothing_to_run(rollout, facts, release, gates)
    return Decision(event=Event.BUILT, reason=reason, jobs=jobs)


def _nothing_to_run(rollout: Rollout, facts: Facts, release: Release, gates: Sequence[str]) -> Reason:
    """Why no gate starts; what follows from that is GATING's to say."""
    if Phase.DEVELOPMENT in rollout.skips:
        why = "its gates are skipped"
    elif failed := next((gate for gate in gates if _failed(rollout, facts, gate)), None):
        why = f"gate {failed} has not passed"
    elif lacking := _lacking(gates, release):
        why = f"gate {lacking[0]} has no command"
    else:
        why = "every gate has passed for this content already"
    return Reason(code="NO_GATE_RUNS", owner=Owner.RELEASE, facts={"why": why})


def gating(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """One failed gate is enough and waits for no other; all must pass."""
    release = facts.release
    if release is None:
        return Decision(event=None, reason=_running(rollout, ["its release is not recorded yet"]))
    gates = required(release, policy)
    if refusal := _refusal(rollout, facts, release, gates, policy):
        return _unfit(refusal)
    todo = [gate for gate in gates if not _passed(rollout, facts, gate)]
    if not todo:
        return Decision(event=Event.EVIDENCE_COMPLETE, reason=_complete(facts, gates))
    running = _running(rollout, todo)
    started = {gate: latest(facts.jobs, JobKind.GATE, gate, rollout.round) for gate in todo}
    jobs = [job for job in started.values() if job is not None]
    if lost := [job for job in jobs if job.result in NO_RESULT]:
        return regain(rollout, lost, running, now)
    if overdue(rollout, jobs, now):
        return _unfit(_late(rollout, f"no result of {', '.join(todo)}"))
    missing = [gate for gate, job in started.items() if job is None and gate != REVIEW]
    new = tuple(gate_job(rollout, release, gate, _source(rollout), policy, rollout.attempt) for gate in missing)
    return Decision(event=None, reason=running, jobs=new)


def _complete(facts: Facts, gates: Sequence[str]) -> Reason:
    """A secret that will be missing is told now, when there is time to set it, and not when production waits for it."""
    named: dict[str, str | int | float] = {"gates": ", ".join(gates)}
    if lacking := told(facts, *Ecosystem):
        ahead = {**named, "missing": lacking}
        return Reason(code="SECRETS_AHEAD", owner=Owner.OPERATOR, facts=ahead)
    return Reason(code="EVIDENCE_COMPLETE", owner=Owner.PLATFORM, facts=named)


def required(release: Release, policy: Policy) -> tuple[str, ...]:
    """The standard's gates, then the service's own: a service may be stricter, never looser."""
    return (*policy.gates, *(gate for gate in release.definition.gates if gate not in policy.gates))


def _lacking(gates: Sequence[str], release: Release) -> list[str]:
    return [gate for gate in gates if gate != REVIEW and gate not in release.definition.gates]


def _refusal(rollout: Rollout, facts: Facts, release: Release, gates: Sequence[str], policy: Policy) -> Reason | None:
    commit = rollout.commit[:12]
    for gate in gates:
        if bad := _failed(rollout, facts, gate):
            named: dict[str, str | int | float] = {"gate": gate, "commit": commit, "detail": bad.detail or "no detail"}
            if gate != REVIEW:
                return Reason(code="GATE_FAILED", owner=Owner.RELEASE, facts=named)
            whose = {"reviewers": ", ".join(policy.reviewers)}
            return Reason(code="REVIEW_AWAITED", owner=Owner.RELEASE, facts={**named, **whose})
    for gate in _lacking(gates, release):
        return Reason(code="GATE_MISSING", owner=Owner.RELEASE, facts={"gate": gate, "commit": commit})
    return None


def _of_gate(rollout: Rollout, facts: Facts, gate: str) -> list[Evidence]:
    """A squash of the same tree is the same content, so evidence for the tree counts."""
    return [e for e in facts.evidence if e.gate == gate and (e.commit == rollout.commit or e.tree == rollout.tree)]


def _failed(rollout: Rollout, facts: Facts, gate: str) -> Evidence | None:
    """Its own failure only: an earlier rollout's is no reason not to run the gate again for the same commit."""
    own = {job.id for job in facts.jobs}
    for e in reversed(_of_gate(rollout, facts, gate)):
        if not e.passed and (e.job in own or (e.job is None and e.at >= rollout.submitted)):
            return e
    return None


def _passed(rollout: Rollout, facts: Facts, gate: str) -> bool:
    return any(e.passed for e in _of_gate(rollout, facts, gate))


def _to_run(rollout: Rollout, facts: Facts, gates: Sequence[str]) -> list[str]:
    if any(_failed(rollout, facts, gate) for gate in gates):
        return []
    return [gate for gate in gates if gate != REVIEW and not _passed(rollout, facts, gate)]


def _running(rollout: Rollout, gates: Sequence[str]) -> Reason:
    until = rollout.deadline if rollout.state is State.GATING else None
    return Reason(code="GATES_RUNNING", owner=Owner.RELEASE, facts={"gates": ", ".join(gates)}, until=until)


def candidate(rollout: Rollout, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """Waits for its secrets in staging, for what it calls, for the rest of its group, and for a free lane."""
    del rollout, now  # No limit ends this wait: attention is raised, and the release is not to blame.
    if lacking := missing(facts, Ecosystem.STAGING):
        return Decision(event=None, reason=lacking)
    if waiting := dependencies(facts):
        return Decision(event=None, reason=waiting)
    if waiting := mates_behind(facts, frozenset({State.CANDIDATE}) | HAS_LANE):
        return Decision(event=None, reason=waiting)
    has_place = any(mate.state in HAS_LANE for mate in facts.group)  # A group shares one lane.
    if facts.lanes_in_use >= policy.max_lanes and not has_place:
        reason = Reason(code="WAITS_FOR_PLACE", owner=Owner.PLATFORM, facts={"lanes": facts.lanes_in_use})
        return Decision(event=None, reason=reason)
    wanted = 1 if facts.release is None else facts.release.definition.web.instances[Ecosystem.STAGING]
    reason = Reason(code="DEPLOYING_LANE", owner=Owner.RELEASE, facts={"healthy": 0, "wanted": wanted})
    return Decision(event=Event.ADMITTED, reason=reason)


def _source(rollout: Rollout) -> str:
    return export_name(rollout.service, rollout.commit)


def _unfit(reason: Reason) -> Decision:
    return Decision(event=Event.UNFIT, reason=reason)


def _late(rollout: Rollout, detail: str) -> Reason:
    return Reason(code="DEADLINE", owner=Owner.RELEASE, facts={"state": rollout.state.value, "detail": detail})
