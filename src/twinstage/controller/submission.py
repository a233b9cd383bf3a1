"""A commit is submitted: its rollout, its build, its reviews, and what it supersedes, in one transaction."""

from dataclasses import replace
from datetime import datetime

from twinstage.artifacts.readings import Unread
from twinstage.config.problems import Problems
from twinstage.controller.advancing import superseded_by
from twinstage.controller.deciding import decided, place
from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused, service_of
from twinstage.controller.results import made
from twinstage.controller.situation import Situation
from twinstage.forge.git import ForgeTrouble
from twinstage.jobs.review import review
from twinstage.jobs.specs import build_job
from twinstage.model.commit import CommitInfo
from twinstage.model.names import LaneId, RolloutId
from twinstage.model.reasons import Owner, Reason
from twinstage.model.rollout import Intent, Kind, Rollout, ServiceState, State
from twinstage.pipeline.states import limit
from twinstage.store.rows import Change, Entry

BEFORE_VERIFIED = frozenset({State.BUILDING, State.GATING, State.CANDIDATE, State.STAGING, State.VERIFYING})
"""A newer commit supersedes a rollout in these at once. A verified one keeps its place until a newer one is verified."""


def submit(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    service = service_of(intent, situation)
    commit = intent.args.get("commit", "")
    if (known := _known(service, commit, situation)) is not None:
        return known
    try:
        definition = means.shelf.definition(service, commit)
        info = means.shelf.commit(service, commit)
        source = means.shelf.export(service, commit)
        location = means.shelf.location(service, commit, definition)
        artifact = means.shelf.sealed(location)
    except Unread:
        raise  # the intent waits
    except (Problems, ForgeTrouble, OSError) as trouble:
        raise Refused(f"cannot submit {service.service} {commit[:12]}: {trouble}") from trouble
    rollout = _born(intent, service, info, situation, means, now)
    change = _change(rollout, service, info, situation, now, intent.by)
    if artifact is not None:
        release = made(rollout, definition, artifact)
        built = replace(rollout, release=release.id)
        change = replace(change, releases=(release,), rollouts=((None, built), *change.rollouts))
    else:
        job = build_job(rollout, definition, location, source, situation.policy, 1)
        change = replace(change, jobs=(job,), rollouts=((None, rollout), *change.rollouts))
    answer = f"commit {commit[:12]} of {service.service} is on its way as rollout {rollout.id}"
    return Outcome(answer=answer, rollout=rollout.id, service=service.service, change=change)


def _known(service: ServiceState, commit: str, situation: Situation) -> Outcome | None:
    """The answer for a commit that is on its way, or has arrived."""
    for rollout in reversed(situation.open_of(service.service)):
        if rollout.commit == commit and rollout.state is not State.RETREATING and rollout.kind is Kind.SHIP:
            answer = f"commit {commit[:12]} of {service.service} is on its way already, as rollout {rollout.id}"
            return Outcome(answer=answer, rollout=rollout.id, service=service.service)
    if service.baseline is not None and situation.releases[service.baseline].commit == commit:
        answer = f"commit {commit[:12]} of {service.service} is live already"
        return Outcome(answer=answer, service=service.service)
    return None


def _born(
    intent: Intent, service: ServiceState, info: CommitInfo, situation: Situation, means: Means, now: datetime
) -> Rollout:
    return Rollout(
        id=RolloutId(means.new_id()[:8]),
        service=service.service,
        kind=Kind.SHIP,
        commit=info.commit,
        tree=info.tree,
        subject=info.subject,
        release=None,
        state=State.BUILDING,
        entered=now,
        deadline=now + limit(State.BUILDING, situation.policy),
        lane=LaneId(means.new_id()[:8]),
        submitted=now,
        by=intent.by,
        reason=Reason(code="SUBMITTED", owner=Owner.PLATFORM, facts={"by": intent.by}),
    )


def _change(
    rollout: Rollout, service: ServiceState, info: CommitInfo, situation: Situation, now: datetime, by: str
) -> Change:
    """What a submission brings about beside the rollout itself."""
    journal = [
        Entry(
            who=by,
            what="rollout",
            why=f"submitted commit {info.commit[:12]}: {info.subject}",
            service=rollout.service,
            rollout=rollout.id,
            after=place(rollout),
        )
    ]
    older: list[tuple[Rollout | None, Rollout]] = []
    for other in situation.open_of(rollout.service):
        if other.kind is Kind.SHIP and other.state in BEFORE_VERIFIED:
            out = decided(other, service, superseded_by(info.commit), situation.policy, now)
            older += out.rollouts
            journal += out.journal
    reviewed = (review(rollout.service, info, situation.policy.reviewers, now),)
    return Change(at=now, rollouts=tuple(older), evidence=reviewed, journal=tuple(journal))
