"""For each thing that is held: does it stay or may it go, and why. One function a kind."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from twinstage.model.holding import Holding, HoldingKind
from twinstage.model.names import Ecosystem, ReleaseId, RolloutId
from twinstage.retention.bounds import Bounds
from twinstage.retention.needs import Needs, young


@dataclass(frozen=True, kw_only=True)
class Verdict:
    holding: Holding
    """With the service, as far as it can be told."""
    goes: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """What every kind is judged by."""

    needs: Needs
    bounds: Bounds
    now: datetime


Rule = Callable[[Holding, Case], str]
"""Why it stays; empty: nothing keeps it."""


def verdicts(holdings: Iterable[Holding], needs: Needs, bounds: Bounds, now: datetime) -> tuple[Verdict, ...]:
    """In the order given. What is needed by whoever keeps it stays, whatever else is said of it."""
    case = Case(needs=needs, bounds=bounds, now=now)
    every = [_named(holding, needs) for holding in holdings]
    over = _beyond(every, case)
    found = []
    for holding in every:
        why = holding.needed or needed(holding, needs) or RULES[holding.kind](holding, case)
        beyond = over.get(id(holding), "")
        found.append(Verdict(holding=holding, goes=bool(beyond) or not why, why=beyond or why or GOES[holding.kind]))
    return tuple(found)


def _named(holding: Holding, needs: Needs) -> Holding:
    if holding.service is not None:
        return holding
    key = holding.name
    if holding.kind in (HoldingKind.JOB, HoldingKind.LOG):
        key = _release(holding.name) or _rollout(holding.name)
    return replace(holding, service=needs.services.get(key))


def _rollout(name: str) -> RolloutId:
    """``job.a1b2c3d4.gate.unit.0.1`` and ``a1b2c3d4.gate.unit.0.1`` are of rollout a1b2c3d4."""
    return RolloutId(name.removeprefix("job.").partition(".")[0])


def _release(name: str) -> ReleaseId | None:
    """``staging.main.r_7f3a12bc9d01.migrate.orders.1`` is of no rollout, but of that release."""
    parts = name.removeprefix("job.").split(".")
    return ReleaseId(parts[2]) if len(parts) > 3 and parts[0] in set(Ecosystem) else None


def needed(holding: Holding, needs: Needs) -> str:
    """Why it must stay, now; empty where at most its age keeps it."""
    match holding.kind:
        case HoldingKind.ARTIFACT:
            return needs.artifacts.get(holding.name, "")
        case HoldingKind.EXPORT:
            return needs.exports.get(holding.name, "")
        case HoldingKind.JOB:
            return needs.rollouts.get(_rollout(holding.name), "")
        case HoldingKind.CACHE:
            return "a build uses it" if holding.name in needs.building else ""
        case _:
            return ""


def _artifact(holding: Holding, case: Case) -> str:
    used = case.needs.used.get(holding.name, holding.at)
    return "used of late: the same commit may come again" if young(used, case.bounds.artifacts, case.now) else ""


def _export(holding: Holding, case: Case) -> str:
    return "made just now" if young(holding.at, case.bounds.exports, case.now) else ""


def _cache(holding: Holding, _case: Case) -> str:
    return f"makes builds of {holding.name} quick"


def _job(holding: Holding, case: Case) -> str:
    return "of late" if young(holding.at, case.bounds.jobs, case.now) else ""


def _log(holding: Holding, case: Case) -> str:
    return "of late" if young(holding.at, case.bounds.logs, case.now) else ""


def _access(_holding: Holding, _case: Case) -> str:
    return "the one before the present one; a newer one takes its place"


def _crossings(holding: Holding, case: Case) -> str:
    if holding.place is None:
        return "nobody knows whose it is"
    ends = _begins(holding.name) + holding.bytes
    return "" if ends <= case.needs.read.get(Ecosystem(holding.place.value), 0) else "not read yet"


def _begins(name: str) -> int:
    """``crossings.4194512.jsonl`` begins there, ``crossings.jsonl`` at 0."""
    middle = name.split(".")[1]
    return int(middle) if middle.isdecimal() else 0


def _database(holding: Holding, _case: Case) -> str:
    ours = "." not in holding.name
    return "the database server's own" if ours else "a service's data is never collected; a lane's goes with its lane"


def _repository(_holding: Holding, _case: Case) -> str:
    return "commits that were submitted stay, whatever becomes of their branch"


def _store(_holding: Holding, _case: Case) -> str:
    return "decisions and the journal, which is only ever added to"


RULES: Mapping[HoldingKind, Rule] = {
    HoldingKind.ARTIFACT: _artifact,
    HoldingKind.EXPORT: _export,
    HoldingKind.CACHE: _cache,
    HoldingKind.JOB: _job,
    HoldingKind.LOG: _log,
    HoldingKind.ACCESS: _access,
    HoldingKind.CROSSINGS: _crossings,
    HoldingKind.DATABASE: _database,
    HoldingKind.REPOSITORY: _repository,
    HoldingKind.STORE: _store,
}

GOES: Mapping[HoldingKind, str] = {
    HoldingKind.ARTIFACT: "nothing that runs or could be rolled back to has it",
    HoldingKind.EXPORT: "no rollout under way needs it; it can be made again",
    HoldingKind.CACHE: "",
    HoldingKind.JOB: "its rollout is long over, and no release that is kept stands on it",
    HoldingKind.LOG: "its program is long gone",
    HoldingKind.ACCESS: "",
    HoldingKind.CROSSINGS: "read to its end",
    HoldingKind.DATABASE: "",
    HoldingKind.REPOSITORY: "",
    HoldingKind.STORE: "",
}


def _beyond(every: Iterable[Holding], case: Case) -> dict[int, str]:
    """What is more than its kind may take in all, the longest unused first: id(holding) -> why it goes."""
    bounds, found = case.bounds, dict[int, str]()
    limits = {HoldingKind.LOG: bounds.log_bytes, HoldingKind.CACHE: bounds.cache_bytes}
    for kind, most in limits.items():
        room = most
        for holding in sorted((h for h in every if h.kind is kind), key=lambda h: h.at, reverse=True):
            if holding.needed or needed(holding, case.needs) or room is None:
                continue
            room -= holding.bytes
            if room < 0:
                found[id(holding)] = (
                    f"all {kind}s together take more than {(most or 0) >> 20} MiB, and it is the oldest"
                )
    return found
