"""Where a service's requests go next, given where they go and what is healthy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from twinstage.model.names import LaneId
from twinstage.model.workload import Route, WorkloadKey
from twinstage.plan.actions import DeleteRoute, PutRoute
from twinstage.plan.view import View, used

Split = Mapping[WorkloadKey, int]


@dataclass(frozen=True, kw_only=True)
class Routed:
    actions: tuple[PutRoute | DeleteRoute, ...]
    settled: bool
    """The proxy has exactly the route that is wanted."""
    leads: frozenset[WorkloadKey]
    """Workloads that requests may reach before or after: by the accepted route or by the target."""


def route(view: View) -> Routed:
    want, accepted = view.want.route, view.accepted
    if want is None:
        gone = DeleteRoute(ecosystem=view.want.ecosystem, service=view.want.service)
        return Routed(actions=(gone,) if accepted else (), settled=accepted is None, leads=used(accepted))
    split = next_split(view, view.taken_over(_shares(accepted)), _shares(want))
    lanes = _lanes(view, want, accepted)
    if accepted is None and not split and want.split:
        # The proxy may only just have started and not have said yet what it has: never replace that by nothing.
        return Routed(actions=(), settled=False, leads=frozenset())
    target = replace(want, split=tuple(sorted(split.items())), lanes=tuple(sorted(lanes.items())))
    differs = accepted is None or _content(accepted) != _content(target)
    actions = (PutRoute(route=target),) if differs else ()
    settled = not differs and _content(target) == _content(want)
    return Routed(actions=actions, settled=settled, leads=used(accepted) | used(target))


def next_split(view: View, now: Split, want: Split) -> Split:
    """The shares to have next; empty or summing to 100.

    Nothing unwanted in it: all rises at once, when all that rise are ready; else it stays as it is. Something unwanted
    in it: that falls now. What it had goes to those that are ready, up to their wanted share, and the rest to the
    largest of the wanted that answers at all; what nobody can take stays, since a bad answer beats none.
    """
    if all(view.ready(key) for key, share in want.items() if share > now.get(key, 0)):
        return want
    unwanted = {key: share for key, share in now.items() if key not in view.wanted}
    split = {key: share for key, share in now.items() if key not in unwanted}
    free = 100 - sum(split.values())
    for key, share in sorted(want.items()):
        if view.ready(key) and share > split.get(key, 0):
            more = min(free, share - split.get(key, 0))
            split[key], free = split.get(key, 0) + more, free - more
    answering = [key for key in want if (view.healthy(key) if now else view.ready(key))]
    if answering:
        largest = max(answering, key=lambda key: (want[key], key))
        split[largest], free = split.get(largest, 0) + free, 0
    return _kept(split, unwanted, free) or now


def _kept(split: Split, unwanted: Split, free: int) -> Split:
    """What nobody takes stays with those that had it, largest first. Empty: it does not add up."""
    kept = dict(split)
    for key, share in sorted(unwanted.items(), key=lambda item: (-item[1], item[0])):
        stay = min(share, free)
        if stay:
            kept[key], free = stay, free - stay
    return {key: share for key, share in kept.items() if share > 0} if free == 0 else {}


def _lanes(view: View, want: Route, accepted: Route | None) -> dict[LaneId, WorkloadKey]:
    """A lane stays once it is accepted, and begins with its first healthy instance. One nobody wants ends now."""
    have = dict(accepted.lanes) if accepted else {}
    return {lane: key for lane, key in want.lanes if have.get(lane) == key or view.healthy(key)}


def _shares(route: Route | None) -> Split:
    return {key: share for key, share in route.split if share > 0} if route else {}


def _content(route: Route) -> tuple[object, ...]:
    return (sorted(_shares(route).items()), sorted(route.lanes), route.port)
