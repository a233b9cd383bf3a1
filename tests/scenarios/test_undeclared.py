"""What a release tries to reach in each phase, under both words of the standard: `undeclared: fail` and `record`."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from scenarios.company import POLICY, Company
from twinstage.model.job import JobKind
from twinstage.model.names import Ecosystem, JobId, RolloutId
from twinstage.model.rollout import State
from twinstage.model.seen import OTHER_ECOSYSTEM, OUTSIDE, UNDECLARED
from twinstage.model.workload import WorkloadKey

Found = Callable[..., Company]
WHERE = {
    State.STAGING: Ecosystem.STAGING,
    State.VERIFYING: Ecosystem.STAGING,
    State.CANARY: Ecosystem.PRODUCTION,
    State.PRODUCTION: Ecosystem.PRODUCTION,
}


def reached(shop: Company, state: State) -> RolloutId:
    """A second release of ``orders``, in that state, with an instance or job that can try something."""
    first = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(first) is State.LIVE)
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(rollout) is state and bool(callers(shop, rollout, state)))
    return rollout


def callers(shop: Company, rollout: RolloutId, state: State) -> list[WorkloadKey] | list[JobId]:
    if state is State.VERIFYING:
        return [job.id for job in shop.store.jobs(rollout=rollout) if job.kind is JobKind.VERIFY]
    release, place = shop.rollout(rollout).release, WHERE[state]
    return [key for key in shop.world.workloads if key.release == release and key.ecosystem is place]


@pytest.mark.parametrize("state", WHERE)
@pytest.mark.parametrize(
    ("undeclared", "kind", "ends"),
    [
        ("fail", OUTSIDE, State.FAILED),
        ("fail", UNDECLARED, State.FAILED),
        ("record", UNDECLARED, State.LIVE),
        ("record", OTHER_ECOSYSTEM, State.FAILED),
    ],
)
def test_an_attempt_counts_as_the_standard_says_and_one_across_always(
    company: Found, state: State, undeclared: str, kind: str, ends: State
) -> None:
    shop = company("orders", policy=replace(POLICY, undeclared=undeclared))
    rollout = reached(shop, state)
    shop.world.cross(callers(shop, rollout, state)[0], WHERE[state], "a place", kind)
    shop.until(lambda: not shop.rollout(rollout).open)
    assert shop.state(rollout) is ends
    assert (shop.reason(rollout) == "CROSSED") is (ends is State.FAILED)
    (seen,) = shop.store.attributed()
    assert (seen.release, seen.crossing.target, seen.crossing.kind) == (shop.rollout(rollout).release, "a place", kind)
    assert len(shop.lines("crossing")) == 1


def test_what_is_only_recorded_hides_nothing_that_counts(company: Found) -> None:
    shop = company("orders", policy=replace(POLICY, undeclared="record"))
    rollout = reached(shop, State.STAGING)
    caller = callers(shop, rollout, State.STAGING)[0]
    shop.world.cross(caller, Ecosystem.STAGING, "production payments", OTHER_ECOSYSTEM)
    for number in range(150):
        shop.world.cross(caller, Ecosystem.STAGING, f"dns h{number}.example", OUTSIDE)
    shop.until(lambda: not shop.rollout(rollout).open)
    assert shop.state(rollout) is State.FAILED
    assert "production payments" in shop.said(rollout)
