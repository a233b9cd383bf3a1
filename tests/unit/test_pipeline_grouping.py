"""First releases that need each other become one group, and nobody else does."""

from dataclasses import replace
from itertools import count

from handmade import at, release, rollout, service

from twinstage.model.names import LaneId
from twinstage.model.rollout import State
from twinstage.pipeline.grouping import groupings

CANDIDATE = State.CANDIDATE


def company(needs: dict[str, str], live: str = "") -> tuple:
    """One first release of each service, all candidates; ``needs`` maps a service to those it calls."""
    services = {n: service(*(["x"] if n in live else []), name=n) for n in needs}
    releases = {f"r-{n}": release(f"r-{n}", n, needs=tuple(needs[n])) for n in needs}
    lanes = (LaneId(f"{n:08x}") for n in count(1))
    rollouts = [rollout(CANDIDATE, f"o-{n}", f"r-{n}", n, lane=next(lanes)) for n in needs if n not in live]
    return rollouts, releases, services


def group(rollouts, releases, services) -> tuple:
    ids = (f"g{n}" for n in count(1))
    return groupings(rollouts, releases, services, lambda: next(ids))


def members(found) -> list[list[str]]:
    return [list(g.members) for g in found]


def test_a_pair_that_calls_each_other_is_one_group_with_one_lane() -> None:
    rollouts, releases, services = company({"a": "b", "b": "a"})
    (found,) = group(rollouts, releases, services)
    assert (found.group, found.lane, found.members) == ("g1", rollouts[0].lane, ("o-a", "o-b"))


def test_no_circle_no_group() -> None:
    assert group(*company({"a": "b", "b": "c", "c": ""})) == ()
    assert group(*company({"a": "a"})) == (), "a service that calls itself needs nobody"
    assert group(*company({"a": "b", "b": "a"}, live="b")) == (), "what it needs is live"


def test_circles_are_whole_and_apart() -> None:
    found = group(*company({"a": "b", "b": "c", "c": "a", "d": "e", "e": "d"}))
    assert members(found) == [["o-a", "o-b", "o-c"], ["o-d", "o-e"]]


def test_a_circle_that_lacks_something_else_waits() -> None:
    assert group(*company({"a": "bz", "b": "a"})) == ()
    rollouts, releases, services = company({"a": "bc", "b": "a", "c": "", "d": "a"})
    assert group(rollouts, releases, services) == (), "c is not live yet"
    services["c"] = service("x", name="c")
    assert members(group([r for r in rollouts if r.service != "c"], releases, services)) == [["o-a", "o-b"]]


def test_a_circle_is_not_whole_before_all_are_candidates() -> None:
    rollouts, releases, services = company({"a": "b", "b": "a"})
    gating = [rollouts[0], replace(rollouts[1], state=State.GATING)]
    assert group(gating, releases, services) == ()


def test_a_group_is_found_once_and_a_member_that_left_is_replaced() -> None:
    rollouts, releases, services = company({"a": "b", "b": "a"})
    grouped = [replace(r, group="g", lane=rollouts[0].lane, state=State.VERIFIED) for r in rollouts]
    assert group(grouped, releases, services) == ()
    newer = replace(rollouts[1], id="o-b2", submitted=at(9))
    assert group([*grouped, newer], releases, services) == (), "its place is taken"
    leaving = replace(grouped[1], state=State.RETREATING)
    (found,) = group([grouped[0], leaving, newer], releases, services)
    assert (found.group, found.lane, found.members) == ("g", rollouts[0].lane, ("o-b2",))


def test_of_two_candidates_the_newer_is_taken() -> None:
    rollouts, releases, services = company({"a": "b", "b": "a"})
    newer = replace(rollouts[1], id="o-b2", submitted=at(9))
    assert members(group([newer, *rollouts], releases, services)) == [["o-a", "o-b2"]]
