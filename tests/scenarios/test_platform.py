"""Trouble of the platform: nothing is blamed on a release, nothing is done twice, and it goes on by itself."""

import itertools
from zlib import crc32

import pytest

from scenarios.company import Company, job_of
from scenarios.conftest import Found
from twinstage.controller.tick import Controller
from twinstage.judge.judge import PlainJudge
from twinstage.model.job import JobResult
from twinstage.model.rollout import State
from twinstage.runtime.behaviour import LOST, Ending
from twinstage.runtime.fake import FakeRuntime, Schedule
from twinstage.runtime.runtime import StaleFence
from twinstage.store.store import Store
from twinstage.store.trouble import StaleEpoch


def one_in(n: int, when: str) -> Schedule:
    """A platform that fails one of n calls, without a rhythm that could fall in with the controller's own."""
    return lambda name, number: when if crc32(f"{number} {when}".encode()) % n == 0 else None


@pytest.mark.parametrize("name", ["build", "unit", "verify"])
def test_a_lost_job_is_run_again_as_another_attempt(company: Found, name: str) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    lost = iter([LOST])
    first = next(lost)
    shop.world.end(lambda job: job_of(commit, name)(job) and job.attempt == 1, first)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    attempts = [j.attempt for j in shop.store.jobs(rollout=shop.rollout(rollout).id) if j.name == name]
    assert attempts == [1, 2]
    assert [row.what for row in shop.lines("trouble")] == ["trouble"]


def test_a_job_that_is_lost_again_and_again_waits_longer_each_time(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.world.end(lambda job: job_of(commit, "build")(job) and job.attempt < 5, LOST)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.reason(rollout) == "PLATFORM_TROUBLE")
    assert shop.state(rollout) is State.BUILDING
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    starts = [j.started for j in shop.store.jobs(rollout=shop.rollout(rollout).id) if j.name == "build"]
    waits = [b - a for a, b in itertools.pairwise(s for s in starts if s)]
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_a_platform_that_often_does_not_answer_only_delays(company: Found, n: int, when: str) -> None:
    shop = company("orders", schedule=one_in(n, when))
    shop.ship("orders")
    shop.ship("orders")
    shop.schedule = lambda name, number: None
    shop.settle()
    assert shop.split("orders") == {shop.live("orders"): 100}
    assert shop.world.meter.failed == 0


@pytest.mark.parametrize("call", ["observe", "put_route", "put_job", "traffic", "jobs", "crossings", "introduce"])
def test_a_call_that_fails_for_long_is_waited_for(company: Found, call: str) -> None:
    shop = company("orders")
    shop.ship("orders")
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(rollout) is State.CANARY)
    shop.schedule = lambda name, number: "before" if name == call else None
    shop.tick(15)
    assert shop.state(rollout) not in {State.RETREATING, State.FAILED}
    shop.schedule = lambda name, number: None
    shop.until(lambda: shop.state(rollout) is State.LIVE)


def test_observations_that_lag_delay_and_harm_nobody(company: Found) -> None:
    shop = company("orders", lag=3)
    shop.ship("orders")
    shop.ship("orders")
    shop.settle()
    assert shop.split("orders") == {shop.live("orders"): 100}
    assert shop.world.meter.failed == 0


def another(shop: Company) -> Controller:
    return Controller(
        store=Store(shop.path, durable=False),
        runtime=FakeRuntime(shop.world),
        shelf=shop.outside.shelf,
        judge=PlainJudge(),
        new_id=shop.outside.ids,
        free=lambda port: True,
        vault=shop.vault,
    )


def test_an_older_controller_is_refused_by_the_store(company: Found) -> None:
    shop = company("orders")
    another(shop).start(shop.now)
    with pytest.raises((StaleEpoch, StaleFence)):
        shop.ship("orders")


def test_an_older_controller_is_refused_by_the_runtime(company: Found) -> None:
    shop = company("orders")
    rollout = shop.submit("orders", shop.write("orders"))
    newer = another(shop)
    newer.start(shop.now)
    newer.tick(shop.now, 0)
    with pytest.raises((StaleEpoch, StaleFence)):
        shop.until(lambda: shop.state(rollout) is State.LIVE)


def test_a_job_whose_start_was_not_answered_runs_once(company: Found) -> None:
    shop = company("orders", schedule=lambda name, number: "after" if name == "put_job" and number % 2 else None)
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert set(shop.world.runs.values()) == {1}


def test_a_retreat_stops_what_still_runs(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.world.end(job_of(commit, "integration"), Ending(steps=1000))
    shop.world.end(job_of(commit, "unit"), Ending(result=JobResult.FAILED, exit_status=1))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    results = {j.name: j.result for j in shop.store.jobs(rollout=shop.rollout(rollout).id)}
    assert results["integration"] is JobResult.STOPPED
