"""Back to the release before, and holding on to it: rollback pins the service, resume lets it go on."""

from dataclasses import replace
from datetime import datetime

from twinstage.controller.deciding import decided, place
from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused, service_of
from twinstage.controller.situation import Situation
from twinstage.model.facts import Decision, Event
from twinstage.model.names import Ecosystem, LaneId, Phase, ReleaseId, RolloutId
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Release
from twinstage.model.rollout import IN_PRODUCTION, Intent, Kind, Pin, Rollout, ServiceState, State
from twinstage.pipeline.schema import changes_since
from twinstage.pipeline.secrecy import commands
from twinstage.pipeline.states import limit
from twinstage.store.rows import Change, Entry


def rollback(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """What is in canary or production is aborted. Where nothing is, the release before the present one comes back."""
    service = service_of(intent, situation)
    if not intent.by or not intent.why:
        raise Refused(f"cannot roll back {service.service}: say who you are and why; it stays in the journal")
    under_way = [
        r for r in situation.open_of(service.service) if r.kind is Kind.ROLLBACK and r.state is not State.RETREATING
    ]
    if under_way:
        raise Refused(f"cannot roll back {service.service}: rollout {under_way[-1].id} is doing so already")
    if service.baseline is None:
        raise Refused(f"cannot roll back {service.service}: production has no release of it to keep; abort its rollout")
    exposed = [r for r in situation.open_of(service.service) if r.state in IN_PRODUCTION]
    if exposed:
        return _taken_back(intent, service, exposed[-1], situation, now)
    return _put_back(intent, service, situation, means, now)


def _taken_back(
    intent: Intent, service: ServiceState, rollout: Rollout, situation: Situation, now: datetime
) -> Outcome:
    """It has only a share of the traffic: the baseline still has all its instances, and takes it at once."""
    keeps = situation.releases[service.baseline or ReleaseId("")]
    reason = Reason(code="ABORTED", owner=Owner.OPERATOR, facts={"by": intent.by, "why": intent.why})
    aborted = decided(rollout, service, Decision(event=Event.ABORT, reason=reason), situation.policy, now, intent.by)
    pinned, line = _pinned(service, keeps, intent, now)
    change = replace(aborted, services=((service, pinned),), journal=(*aborted.journal, line))
    answer = f"rollout {rollout.id} is taken back; {service.service} stays at {keeps.id} until resumed"
    return Outcome(answer=answer, rollout=rollout.id, service=service.service, change=change)


def _put_back(intent: Intent, service: ServiceState, situation: Situation, means: Means, now: datetime) -> Outcome:
    if len(service.baselines) < 2:
        raise Refused(
            f"cannot roll back {service.service}: production has had no release before {service.baseline}; "
            "submit a commit that is good"
        )
    release = situation.releases[service.baselines[-2]]
    if lacking := service.lacks(release.definition.secrets, Ecosystem.PRODUCTION):
        asked = commands(service.service, lacking, Ecosystem.PRODUCTION)
        raise Refused(f"cannot roll back {service.service} to {release.id}: it would lack {asked}; set it first")
    if not means.shelf.intact(release.artifact):
        raise Refused(
            f"cannot roll back {service.service} to {release.id}: its artifact is no longer what its build made; "
            f"submit commit {release.commit[:12]} again"
        )
    past = _schema(service, release, means)
    if past and not intent.args.get("force"):
        raise Refused(
            f"cannot roll back {service.service} to {release.id}: {past}, and a rollback does not undo that. "
            "Ship a release forward; or, where the old one can live with the new schema, "
            f"`twinstage rollback {service.service} --force --why TEXT`"
        )
    rollout = _born(intent, service, release, situation, means, now)
    pinned, line = _pinned(service, release, intent, now)
    forced = f", past a schema change ({past})" if past else ""
    why = f"rolls {service.service} back from {service.baseline} to {release.id}{forced}: {intent.why}"
    begun = Entry(
        who=intent.by, what="rollout", why=why, service=service.service, rollout=rollout.id, release=release.id,
        after=place(rollout),
    )  # fmt: skip
    change = Change(at=now, rollouts=((None, rollout),), services=((service, pinned),), journal=(begun, line))
    answer = (
        f"{service.service} goes back to {release.id}{forced} as rollout {rollout.id}, and stays there until resumed"
    )
    return Outcome(answer=answer, rollout=rollout.id, service=service.service, change=change)


def _schema(service: ServiceState, release: Release, means: Means) -> str:
    """What changed the schema since this release ran in production, and when; empty: it finds its data as it left it."""
    rollouts = list(reversed(means.store.rollouts(service=service.service)))
    found = changes_since(release, rollouts, means.store.migrations(service.service))
    return ", ".join(
        f"{change.key.release} changed the schema of {change.database} at {change.at:%Y-%m-%d %H:%M:%S}"
        for change in found
    )


def _born(
    intent: Intent, service: ServiceState, release: Release, situation: Situation, means: Means, now: datetime
) -> Rollout:
    """Born verified: this release was good before."""
    return Rollout(
        id=RolloutId(means.new_id()[:8]),
        service=service.service,
        kind=Kind.ROLLBACK,
        commit=release.commit,
        tree=release.tree,
        subject=next((r.subject for r in means.store.rollouts(service=service.service) if r.release == release.id), ""),
        release=release.id,
        state=State.VERIFIED,
        entered=now,
        deadline=now + limit(State.VERIFIED, situation.policy),
        skips=frozenset({Phase.CANARY}),
        lane=LaneId(means.new_id()[:8]),
        submitted=now,
        by=intent.by,
        reason=Reason(code="SUBMITTED", owner=Owner.PLATFORM, facts={"by": intent.by}),
    )


def _pinned(service: ServiceState, release: Release, intent: Intent, now: datetime) -> tuple[ServiceState, Entry]:
    pin = Pin(release=release.id, by=intent.by, why=intent.why, at=now)
    return replace(service, pin=pin), _line(service, intent, f"pinned to {release.id}: {intent.why}", release.id)


def resume(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """The pin goes; a verified release that waits may take its turn."""
    del means
    service = service_of(intent, situation)
    if service.pin is None:
        raise Refused(f"cannot resume {service.service}: nothing holds it; only a rollback does")
    freed = replace(service, pin=None)
    line = _line(service, intent, "no longer pinned", None)
    answer = f"{service.service} goes on: the pin to {service.pin.release} by {service.pin.by} is gone"
    change = Change(at=now, services=((service, freed),), journal=(line,))
    return Outcome(answer=answer, service=service.service, change=change)


def _line(service: ServiceState, intent: Intent, why: str, after: ReleaseId | None) -> Entry:
    before = service.pin.release if service.pin is not None else None
    return Entry(who=intent.by, what="pin", why=why, service=service.service, before=before, after=after)
