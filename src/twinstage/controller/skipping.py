"""An emergency: phases that a rollout leaves out, by name, with a reason that everybody reads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from twinstage.controller.deciding import place
from twinstage.controller.freezing import frozen
from twinstage.controller.means import Means
from twinstage.controller.orders import Outcome, Refused
from twinstage.controller.situation import Situation
from twinstage.model.names import Phase
from twinstage.model.rollout import Intent, Rollout, Skip, State
from twinstage.pipeline.skip import CAN_BE_SKIPPED, ahead
from twinstage.store.rows import Change, Entry
from twinstage.store.trouble import Unknown


def skip(intent: Intent, situation: Situation, means: Means, now: datetime) -> Outcome:
    """Notes which phases are left out, all or none of them; the pipeline leaves each out once the rollout is there.

    A group shares its lane, so what skips staging takes the others of its group along.
    """
    try:
        rollout = means.store.rollout(intent.args.get("rollout", ""))
    except Unknown as unknown:
        raise Refused(str(unknown)) from unknown
    if not intent.by or not intent.why:
        raise Refused(f"cannot skip anything of rollout {rollout.id}: say who you are and why; it stays in the journal")
    phases = _phases(intent, rollout)
    for phase in phases:
        _check(phase, rollout, situation)
    asked = [Skip(phase=phase, by=intent.by, why=intent.why, at=now) for phase in phases]
    staging = [it for it in asked if it.phase is Phase.STAGING]
    skips = [(rollout, _without(rollout, asked))]
    skips += [(mate, _without(mate, staging)) for mate in situation.group_of(rollout) if staging and _could(mate)]
    lines = [line for before, after in skips for line in skip_lines(before, after)]
    change = Change(at=now, rollouts=tuple(skips), journal=tuple(lines))
    answer = f"rollout {rollout.id} of {rollout.service} skips {_listed(phases)}" + _also(skips[1:])
    return Outcome(answer=answer, rollout=rollout.id, service=rollout.service, change=change)


def _phases(intent: Intent, rollout: Rollout) -> list[Phase]:
    """Those that are asked for, in their order, each once."""
    words = intent.args.get("phases", "").split()
    unknown = [word for word in words if word not in set(Phase)]
    if unknown or not words:
        what = ", ".join(unknown) or "nothing"
        raise Refused(f"cannot skip {what} of rollout {rollout.id}: name {_listed(CAN_BE_SKIPPED, 'or')}")
    return [phase for phase in Phase if phase.value in words]


def _check(phase: Phase, rollout: Rollout, situation: Situation) -> None:
    cannot = f"cannot skip {phase.value} of rollout {rollout.id} of {rollout.service}"
    if not rollout.open or rollout.state is State.RETREATING:
        raise Refused(f"{cannot}: it is {rollout.state.value} already; submit the commit again")
    if phase is Phase.PRODUCTION:
        raise Refused(f"{cannot}: that is where it goes; `twinstage abort` ends it")
    if phase in rollout.skips:
        asked = rollout.skip_of(phase)
        raise Refused(f"{cannot}: that is so already" + (f", by {asked.by}: {asked.why}" if asked is not None else ""))
    if phase not in ahead(rollout.state):
        raise Refused(f"{cannot}: it is past that, in {place(rollout)}")
    held = frozen(rollout, situation)
    if held is not None and rollout.state is State.CANARY:
        raise Refused(
            f"{cannot}: {held.sentence}; only what takes a release back goes through a freeze, so end it first"
        )


def shared(group: Sequence[Rollout]) -> list[tuple[Rollout, Rollout]]:
    """Members, before and after, that skip staging because another one does: they would wait for its lane for ever."""
    asked = [skip for member in group if (skip := member.skip_of(Phase.STAGING)) is not None]
    return [(member, _without(member, asked[:1])) for member in group if asked and _could(member)]


def _could(mate: Rollout) -> bool:
    return Phase.STAGING in ahead(mate.state) and Phase.STAGING not in mate.skips


def _without(rollout: Rollout, skips: Sequence[Skip]) -> Rollout:
    phases = {skip.phase for skip in skips}
    return replace(rollout, skips=rollout.skips | phases, skipped=(*rollout.skipped, *skips))


def skip_lines(before: Rollout, after: Rollout) -> list[Entry]:
    return [
        Entry(
            who=asked.by,
            what="skip",
            why=f"{asked.phase.value} is skipped: {asked.why}",
            service=after.service,
            rollout=after.id,
            release=after.release,
            before=place(before),
            after=f"without {asked.phase.value}",
        )
        for asked in after.skipped[len(before.skipped) :]
    ]


def _also(others: Sequence[tuple[Rollout, Rollout]]) -> str:
    names = ", ".join(sorted(mate.service for mate, _ in others))
    return f"; so do the others of its group skip staging: {names}" if names else ""


def _listed(phases: Sequence[Phase], word: str = "and") -> str:
    names = [phase.value for phase in phases]
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
