"""Where a rollout has been, read from the audit journal. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from twinstage import wire
from twinstage.api import documents
from twinstage.api.documents import PHASE
from twinstage.model.names import Phase
from twinstage.model.rollout import Kind, Rollout, State
from twinstage.store.rows import JournalRow


@dataclass(frozen=True, kw_only=True)
class Mark:
    """It entered that state then, for that reason."""

    state: State
    at: datetime
    why: str


def marks(rollout: Rollout, journal: Sequence[JournalRow]) -> list[Mark]:
    """Oldest first; a state that it stayed in (another share, another reason) is one mark."""
    born = State.VERIFIED if rollout.kind is Kind.ROLLBACK else State.BUILDING
    found = [Mark(state=born, at=rollout.submitted, why="")]
    for row in journal:
        state = _state(row)
        if state is not None and state is not found[-1].state:
            found.append(Mark(state=state, at=row.at, why=row.why))
    if found[-1].state is not rollout.state:
        # The journal was cut short, or is read a moment before the row: the rollout itself knows better.
        found.append(Mark(state=rollout.state, at=rollout.entered, why=""))
    return found


def _state(row: JournalRow) -> State | None:
    """``after`` of a rollout's row begins with its state: "canary", "canary 25 %"."""
    if row.what != "rollout" or not row.after:
        return None
    try:
        return State(row.after.split()[0])
    except ValueError:
        return None


def phase(rollout: Rollout, journal: Sequence[JournalRow] = ()) -> Phase:
    """The phase it is in, or came to before it retreated or ended."""
    if rollout.state in PHASE:
        return PHASE[rollout.state]
    passed = [PHASE[m.state] for m in marks(rollout, journal) if m.state in PHASE]
    return passed[-1] if passed else Phase.DEVELOPMENT


def steps(rollout: Rollout, journal: Sequence[JournalRow], gates: int) -> list[wire.Step]:
    """The four phases with their times. ``gates``: how many have passed."""
    path = marks(rollout, journal)
    here = phase(rollout, journal)
    order = list(Phase)
    return [_step(p, order.index(p) - order.index(here), rollout, path, gates) for p in order]


def passage(
    rollout: Rollout, journal: Sequence[JournalRow], gates: int, changed: Sequence[str], now: datetime
) -> wire.Passage:
    """How it went, at one glance. ``gates``: how many have passed; ``changed``: databases whose schema it changed."""
    went = steps(rollout, journal, gates)
    ended = None if rollout.open else rollout.entered
    return wire.Passage(
        rollout=documents.rollout(rollout, phase(rollout, journal)),
        steps=went,
        ended=ended,
        seconds=((ended or now) - rollout.submitted).total_seconds(),
        why=_why(rollout, journal, went),
        schema_changed=list(changed),
    )


def _why(rollout: Rollout, journal: Sequence[JournalRow], went: Sequence[wire.Step]) -> str:
    """Of what is live its reason says only that: what it stands on is what its canary showed, or why there was none."""
    if rollout.kind is Kind.ROLLBACK and rollout.state is State.LIVE:
        return next((row.why for row in journal if row.what == "rollout"), "")
    canary = next((step.detail for step in went if step.phase is Phase.CANARY), "")
    return canary if rollout.state is State.LIVE and canary else documents.sentence(rollout.reason)


def _step(it: Phase, distance: int, rollout: Rollout, path: Sequence[Mark], gates: int) -> wire.Step:
    asked = rollout.skip_of(it)
    told = f"skipped by {asked.by}: {asked.why}" if asked is not None else ""
    if distance > 0:
        return wire.Step(phase=it, state="skipped" if asked else "ahead", detail=told)
    mine = [i for i, mark in enumerate(path) if PHASE.get(mark.state) is it]
    if rollout.kind is Kind.ROLLBACK and distance < 0 and it in (Phase.DEVELOPMENT, Phase.STAGING):
        return wire.Step(phase=it, state="skipped", detail="a rollback: this release was good before")
    if not mine:
        after = next((m for m in path if m.state in PHASE and _later(PHASE[m.state], it)), None)
        return wire.Step(phase=it, state="skipped", detail=told or (after.why if after else ""))
    since = path[mine[0]].at
    following = path[mine[-1] + 1] if mine[-1] + 1 < len(path) else None
    if distance < 0:
        why = following.why if following else ""
        until = following.at if following else None
        if asked is not None:
            return wire.Step(phase=it, state="skipped", since=since, until=until, detail=told)
        return wire.Step(phase=it, state="done", since=since, until=until, detail=_done(it, rollout, gates, why))
    if rollout.state is State.LIVE:
        return wire.Step(phase=it, state="done", since=since, until=rollout.entered)
    if rollout.state in PHASE:
        return wire.Step(phase=it, state="now", since=since, detail=told)
    return wire.Step(phase=it, state="failed", since=since, until=following.at if following else None)


def _later(one: Phase, other: Phase) -> bool:
    order = list(Phase)
    return order.index(one) > order.index(other)


def _done(it: Phase, rollout: Rollout, gates: int, why: str) -> str:
    if it is Phase.DEVELOPMENT:
        return f"built, {gates} gate{'s' * (gates != 1)} passed" if gates else "built"
    if it is Phase.STAGING:
        return f"verified in lane {rollout.lane}"
    return why
