"""First releases that need each other: found ready together, they move as a group.

A first release may not enter staging before all it calls runs in production. Services that call each other in a circle
would wait for each other forever; so where such a circle is complete, and lacks nothing else, its members share one
lane and count as there for each other. A member that left (it failed, say) is replaced by the next candidate of its
service, which joins the group that the others still are.
"""

from collections.abc import Callable, Mapping, Sequence, Set

from twinstage.model.facts import Grouping
from twinstage.model.names import ReleaseId, ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import HAS_LANE, Rollout, ServiceState, State

Graph = Mapping[ServiceName, Set[ServiceName]]


def groupings(
    open_rollouts: Sequence[Rollout],
    releases: Mapping[ReleaseId, Release],
    services: Mapping[ServiceName, ServiceState],
    new_id: Callable[[], str],
) -> tuple[Grouping, ...]:
    """Groups to make or to enlarge now. ``members`` are the rollouts to write ``group`` and ``lane`` into; a member's
    own lane becomes a new group's, so no lane is invented. Rollouts that are in the group already are not repeated."""
    ready = _ready(open_rollouts, services)
    missing: dict[ServiceName, frozenset[ServiceName]] = {
        name: _missing(name, rollout, releases, services) for name, rollout in ready.items()
    }
    found = []
    for circle in _circles(missing):
        new = [ready[name] for name in circle if ready[name].group is None]
        # Whatever one of them lacks beyond the circle, they all wait for.
        if len(circle) < 2 or not new or any(missing[name] - set(circle) for name in circle):
            continue
        old = [ready[name] for name in circle if ready[name].group is not None]
        first = min(old or new, key=lambda r: r.id)
        group = first.group if first.group is not None else new_id()
        found.append(Grouping(group=group, lane=first.lane, members=tuple(sorted(r.id for r in new))))
    return tuple(found)


def _ready(
    open_rollouts: Sequence[Rollout], services: Mapping[ServiceName, ServiceState]
) -> dict[ServiceName, Rollout]:
    """One rollout a service: a member of a group that is under way, else its newest candidate."""
    ready: dict[ServiceName, Rollout] = {}
    for rollout in sorted(open_rollouts, key=lambda r: (r.submitted, r.id)):
        svc = services.get(rollout.service)
        if svc is None or svc.baseline is not None or rollout.release is None:
            continue
        member = rollout.group is not None and rollout.state in {State.CANDIDATE} | HAS_LANE
        held = ready.get(rollout.service)
        if member or (rollout.state is State.CANDIDATE and (held is None or held.group is None)):
            ready[rollout.service] = rollout
    return ready


def _missing(
    name: ServiceName,
    rollout: Rollout,
    releases: Mapping[ReleaseId, Release],
    services: Mapping[ServiceName, ServiceState],
) -> frozenset[ServiceName]:
    declared = () if rollout.release is None else releases[rollout.release].definition.depends_on
    return frozenset(d for d in declared if d != name and ((svc := services.get(d)) is None or svc.baseline is None))


def _circles(graph: Graph) -> list[tuple[ServiceName, ...]]:
    """Strongly connected components among the keys of ``graph``, each sorted, in the order of their first member.

    Two services are in one circle when each is reached from the other. Companies are small: clarity over Tarjan.
    """
    reached = {name: _reached(name, graph) for name in graph}
    circles, done = [], set[ServiceName]()
    for name in sorted(graph):
        if name in done:
            continue
        circle = tuple(sorted({name} | {n for n in reached[name] if n in graph and name in reached[n]}))
        done |= set(circle)
        circles.append(circle)
    return circles


def _reached(start: ServiceName, graph: Graph) -> set[ServiceName]:
    reached, todo = set[ServiceName](), [start]
    while todo:
        for name in graph.get(todo.pop(), frozenset()) - reached:
            reached.add(name)
            todo.append(name)
    return reached
