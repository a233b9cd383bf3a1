"""The model's nouns as the documents of ``wire``. One function a noun; nothing is decided here."""

from collections.abc import Iterable

from twinstage import wire
from twinstage.model.facts import MirrorBreak
from twinstage.model.job import Job
from twinstage.model.names import Phase
from twinstage.model.reasons import Reason
from twinstage.model.release import Evidence
from twinstage.model.rollout import Freeze, Intent, Pin, Rollout, ServiceState, Skip, State
from twinstage.model.seen import BoundaryReport, Crossing, SentinelSeen
from twinstage.model.workload import WorkloadKey
from twinstage.store.rows import JournalRow

PHASE: dict[State, Phase] = {
    State.BUILDING: Phase.DEVELOPMENT,
    State.GATING: Phase.DEVELOPMENT,
    State.CANDIDATE: Phase.DEVELOPMENT,
    State.STAGING: Phase.STAGING,
    State.VERIFYING: Phase.STAGING,
    State.VERIFIED: Phase.STAGING,
    State.CANARY: Phase.CANARY,
    State.PRODUCTION: Phase.PRODUCTION,
    State.LIVE: Phase.PRODUCTION,
}
"""Where people see a rollout. A retreat and the other ends stay in the phase they came from."""


def reason(it: Reason) -> wire.Reason:
    return wire.Reason(code=it.code, owner=it.owner, sentence=sentence(it), until=it.until)


def sentence(it: Reason) -> str:
    """A fact that is missing must not take the whole status down: then the bare facts are shown."""
    try:
        return it.sentence
    except KeyError:
        facts = ", ".join(f"{k} {v}" for k, v in it.facts.items())
        return f"{it.code.lower().replace('_', ' ')}: {facts}"


def rollout(it: Rollout, phase: Phase) -> wire.Rollout:
    return wire.Rollout(
        id=it.id,
        service=it.service,
        kind=it.kind,
        commit=it.commit,
        subject=it.subject,
        release=it.release,
        state=it.state.value,
        phase=phase,
        open=it.open,
        share=it.share,
        entered=it.entered,
        exposed=it.exposed,
        deadline=it.deadline,
        attempt=it.attempt,
        round=it.round,
        lane=it.lane,
        group=it.group,
        skips=sorted(it.skips, key=list(Phase).index),
        skipped=skips(it),
        outcome=it.outcome.value if it.outcome else None,
        submitted=it.submitted,
        by=it.by,
        reason=reason(it.reason),
    )


def skips(it: Rollout) -> list[wire.Skip]:
    return [_skip(skip) for skip in it.skipped]


def _skip(it: Skip) -> wire.Skip:
    return wire.Skip(phase=it.phase, by=it.by, why=it.why, at=it.at)


def evidence(it: Evidence) -> wire.Evidence:
    return wire.Evidence(
        gate=it.gate,
        passed=it.passed,
        by=it.by,
        at=it.at,
        detail=it.detail,
        exit_status=it.exit_status,
        seconds=it.seconds,
        log_end=it.log_end,
    )


def job(it: Job) -> wire.Job:
    return wire.Job(
        id=it.id,
        kind=it.kind,
        name=it.name,
        place=it.place,
        command=it.command,
        result=it.result,
        exit_status=it.exit_status,
        started=it.started,
        ended=it.ended,
        log_end=it.log_end,
    )


def crossing(it: Crossing) -> wire.Crossing:
    key = it.source
    source = f"{key.service} {key.release}" if isinstance(key, WorkloadKey) else key
    return wire.Crossing(
        at=it.at,
        count=it.count,
        ecosystem=it.ecosystem,
        source=source,
        target=it.target,
        kind=it.kind,
        answered=it.answered,
        advice=it.advice,
    )


def entry(it: JournalRow) -> wire.JournalEntry:
    return wire.JournalEntry(
        seq=it.seq,
        at=it.at,
        who=it.who,
        what=it.what,
        why=it.why,
        service=it.service,
        rollout=it.rollout,
        release=it.release,
        before=it.before or "",
        after=it.after or "",
    )


def broken(it: MirrorBreak) -> wire.Break:
    return wire.Break(service=it.service, since=it.since, until=it.until, detail=it.detail)


def intent(it: Intent) -> wire.Intent:
    return wire.Intent(
        id=it.id,
        verb=it.verb,
        by=it.by,
        why=it.why,
        at=it.at,
        answered=it.answered,
        accepted=it.accepted,
        answer=it.answer,
        rollout=it.rollout,
    )


def pin(it: Pin | None) -> wire.Pin | None:
    return wire.Pin(release=it.release, by=it.by, why=it.why, at=it.at) if it else None


def freeze(it: Freeze | None) -> wire.Freeze | None:
    return wire.Freeze(service=it.service, by=it.by, why=it.why, at=it.at, until=it.until) if it else None


def lacks(report: BoundaryReport, sentinels: Iterable[SentinelSeen]) -> list[wire.Lack]:
    """Of the machine, and what sentinels met: the same of both is one."""
    found = dict.fromkeys([*report.lacking, *(lack for sentinel in sentinels for lack in sentinel.lacking)])
    return [wire.Lack(name=it.name, means=it.means, takes=it.takes) for it in found]


def limits(report: BoundaryReport) -> list[wire.Limit]:
    return [wire.Limit(what=it.what, in_force=it.in_force, how=it.how) for it in report.limits]


def ports(it: ServiceState) -> dict[str, wire.Ports]:
    return {eco.value: wire.Ports(frontend=it.frontends[eco], backend=it.backends[eco]) for eco in it.frontends}
