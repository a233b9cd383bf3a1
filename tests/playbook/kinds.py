"""Which kinds of places there are where a controller can die.

A place lies before or after one call of Store or Runtime; after one that only reads is the same world as before it. Places are
of one kind where the same call is made for the same sort of thing: ``before put_route production, 2 ways``. A commit is of as
many kinds as it writes sorts of things; each call that only reads is one kind.

Nothing here lists jobs, verbs or states: new ones are kinds of their own as soon as a play meets them.
"""

from collections.abc import Callable, Iterator
from typing import Any

from scenarios.tripwire import EFFECTS
from twinstage.model.holding import Holding
from twinstage.model.job import Job, JobResult
from twinstage.model.names import Ecosystem, JobId
from twinstage.model.rollout import Rollout, State
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.store.rows import Change, Entry

Kinds = frozenset[str]
Passing = Callable[[Kinds], None]
"""Told of each place, by the kinds it is of."""


class Wire:
    """``wrap(store)`` and ``wrap(runtime)``: the same, but that ``passing`` is told before and after each call."""

    def __init__(self, passing: Passing) -> None:
        self._passing = passing
        self._open: list[Rollout] = []
        self._jobs: dict[JobId, Job] = {}

    def wrap(self, real: Any) -> Any:
        return _Wrapped(self, real)

    def call(self, name: str, method: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        sorts = list(self._sorts(name, args, named))
        self._passing(frozenset(f"before {name} {sort}".rstrip() for sort in sorts))
        result = method(*args, **named)
        if name == "rollouts" and named.get("open_only"):
            self._open = result
        elif name == "jobs" and not args and not named:
            self._jobs = dict(result)
        if name in EFFECTS:
            self._passing(frozenset(f"after {name} {sort}".rstrip() for sort in sorts))
        return result

    def _sorts(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Iterator[str]:
        """At least one sort for each call; none for a commit that writes nothing."""
        match name, args:
            case "commit", (Change() as change,):
                yield from _of_change(change)
            case ("put_workload", (Workload(key=key), _)) | ("delete_workload", (WorkloadKey() as key, _)):
                yield from self._about(key.service, key.ecosystem)
            case "put_route", (Route() as route, _):
                ways = sum(share > 0 for _, share in route.split)
                yield from self._about(
                    route.service, route.ecosystem, f"{ways} ways", "with a lane" if route.lanes else ""
                )
            case "delete_route", (ecosystem, _, _):
                yield str(ecosystem)
            case "put_job", (Job() as job, _):
                yield f"{job.kind}"
            case "delete_job", (id, _):
                job = self._jobs.get(id)
                over = job is not None and job.result not in (None, JobResult.STOPPED)
                yield f"{job.kind if job else 'unknown'}, {'to forget it' if over else 'to stop it'}"
            case "discard", (holdings, _):
                yield from {str(h.kind) for h in holdings if isinstance(h, Holding)}
            case _, (Ecosystem() as ecosystem, *_):
                yield str(ecosystem)
            case _:
                yield " ".join(named)

    def _about(self, service: str, ecosystem: Ecosystem, *more: str) -> Iterator[str]:
        """How far its rollouts are is left out, since a look that is late meets the next state; not that one retreats."""
        retreats = any(r.service == service and r.state is State.RETREATING for r in self._open)
        yield ", ".join([ecosystem, *filter(None, more), *(["retreating"] if retreats else [])])


def _of_change(change: Change) -> Iterator[str]:
    for before, after in change.rollouts:
        moved = before is None or before.state is not after.state or before.share != after.share
        yield f"{before.state.value if before else after.kind}-{after.state.value}" if moved else after.state.value
    yield from (f"{job.kind} recorded" for job in change.jobs)
    # Which of them is seen under way is chance: most are short.
    yield from (f"{job.kind} {job.result}" if job.result else "jobs begun" for job in change.results)
    if change.intent is not None:
        yield f"{change.intent.verb} {'accepted' if change.intent.accepted else 'refused'}"
    if change.collection is not None:
        yield "collection over" if change.collection.done else "collection"
    yield from ("mirror broken" if found.until is None else "mirror whole" for found in change.breaks)
    for part in ("services", "releases", "evidence", "crossings", "watches", "freezes", "thaws"):
        if getattr(change, part):
            yield part
    yield from (f"line {line.what}" for line in change.journal if isinstance(line, Entry))


class _Wrapped:
    def __init__(self, wire: Wire, real: Any) -> None:
        self._wire, self._real = wire, real

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        if not callable(value):
            return value
        return lambda *args, **named: self._wire.call(name, value, args, named)
