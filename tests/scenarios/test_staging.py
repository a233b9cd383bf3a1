"""What staging finds out, and when a verdict does not count."""

from scenarios.company import Company, job_of, of_commit
from scenarios.conftest import Found
from twinstage.controller.crossings import MOST_PLACES
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import State
from twinstage.model.seen import Health
from twinstage.runtime.behaviour import FAILS, Behaviour, Ending

STRAY = (("production payments", "other-ecosystem"),)


def two(company: Found) -> Company:
    shop = company("orders", "payments")
    shop.ship("payments")
    return shop


def test_a_candidate_stands_in_its_lane_beside_the_mirror(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    good, commit = shop.live("orders"), shop.write("orders")
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.VERIFYING)
    assert shop.split("orders", Ecosystem.STAGING) == {good: 100}, "everybody else sees the mirror"
    assert shop.lanes("orders") == {commit}
    assert shop.split("orders") == {good: 100}


def test_a_failing_verification_ends_it(company: Found) -> None:
    shop = two(company)
    commit = shop.write("orders", calls=["payments"])
    shop.world.end(job_of(commit, "verify"), FAILS)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "VERIFY_FAILED"
    shop.settle()
    assert ("orders", commit) not in shop.runs(Ecosystem.STAGING)
    assert ("orders", commit) not in shop.runs(Ecosystem.PRODUCTION)


def test_a_call_to_the_other_ecosystem_fails_the_release_that_made_it(company: Found) -> None:
    shop = two(company)
    commit = shop.write("orders", calls=["payments"])
    shop.world.behave(of_commit(commit), Behaviour(crosses=STRAY))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "CROSSED"
    assert "production payments" in shop.said(rollout)
    (crossing,) = shop.store.attributed()
    assert (crossing.service, crossing.release) == ("orders", shop.rollout(rollout).release)
    assert len(shop.lines("crossing")) == 1


def test_a_verification_that_strays_fails_it_whatever_its_result(company: Found) -> None:
    shop = two(company)
    commit = shop.write("orders", calls=["payments"])
    shop.world.end(job_of(commit, "verify"), Ending(crosses=(("198.51.100.7:443", "outside"),)))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "CROSSED"
    (crossing,) = shop.store.attributed()
    assert (crossing.release, crossing.rollout) == (shop.rollout(rollout).release, rollout)


def test_a_crossing_of_the_baseline_is_recorded_and_takes_nothing_down(company: Found) -> None:
    shop = two(company)
    commit = shop.live("payments")
    (key,) = [k for k in shop.world.workloads if k.ecosystem is Ecosystem.PRODUCTION]
    shop.world.cross(key, Ecosystem.PRODUCTION, "dns api.stripe.com", "outside")
    shop.tick(3)
    shop.settle()
    (line,) = shop.lines("crossing")
    assert "production runs this release" in line.why
    assert shop.split("payments") == {commit: 100}


def test_a_mirror_that_breaks_voids_the_verdict_which_is_sought_again(company: Found) -> None:
    shop = two(company)
    payments, commit = shop.live("payments"), shop.write("orders", calls=["payments"])
    assert payments is not None
    shop.world.end(job_of(commit, "verify"), Ending(steps=6))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.VERIFYING)
    mirror = of_commit(payments, Ecosystem.STAGING)
    shop.world.behave(mirror, Behaviour(health=Health.UNHEALTHY, detail="answers 500"))
    shop.until(lambda: bool(shop.store.mirror_breaks()))
    shop.until(lambda: shop.state(rollout) is State.STAGING)
    shop.until(lambda: shop.reason(rollout) == "MIRROR_NOT_WHOLE")
    assert shop.rollout(rollout).reason.facts["service"] == "payments"
    shop.world.behave(mirror, Behaviour())
    shop.until(lambda: not shop.store.mirror_breaks())
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert shop.rollout(rollout).round == 2, "verified a second time"
    assert shop.history(rollout).count("verifying") == 2
    whole = [row.after for row in shop.lines("mirror") if row.service == "payments"]
    assert whole == ["broken", "whole"]


def test_a_part_of_staging_that_is_down_is_nobodys_fault(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.world.end(job_of(commit, "verify"), Ending(steps=5))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.VERIFYING)
    shop.world.parts[Ecosystem.STAGING]["proxy"] = Health.UNHEALTHY
    shop.until(lambda: bool(shop.store.mirror_breaks()))
    shop.world.parts[Ecosystem.STAGING]["proxy"] = Health.HEALTHY
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    assert shop.rollout(rollout).round == 2


def test_a_lane_that_never_stands_says_why(company: Found) -> None:
    shop = two(company)
    commit = shop.write("orders", calls=["payments"])
    ill = Behaviour(health=Health.CRASHING, detail="does not listen on PORT 16000, but on 8000")
    shop.world.behave(of_commit(commit), ill)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "LANE_NEVER_HEALTHY"
    assert "listen on PORT" in shop.said(rollout)
    assert shop.split("payments", Ecosystem.STAGING) == {shop.live("payments"): 100}


def test_what_the_runtime_can_never_run_fails_in_words(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.world.behave(of_commit(commit), Behaviour(unfit="its command holds a newline"))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "UNFIT"
    assert "newline" in shop.said(rollout)


def test_a_job_that_can_never_start_fails_its_rollout_in_words(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.world.end(job_of(commit, "build"), Ending(unfit="its command holds a null byte"))
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert "null byte" in shop.said(rollout)


def test_the_lane_of_a_live_release_becomes_the_mirror_without_a_restart(company: Found) -> None:
    shop = company("orders")
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(rollout) is State.VERIFIED)
    lane = {i.id for k, w in shop.world.workloads.items() if k.ecosystem is Ecosystem.STAGING for i in w.instances}
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    shop.settle()
    mirror = {i.id for k, w in shop.world.workloads.items() if k.ecosystem is Ecosystem.STAGING for i in w.instances}
    assert lane == mirror


def test_whatever_tries_every_place_there_is_fills_neither_store_nor_journal(company: Found) -> None:
    shop = two(company)
    (key,) = [k for k in shop.world.workloads if k.ecosystem is Ecosystem.PRODUCTION]
    for round_ in range(2):
        for port in range(MOST_PLACES + 50):
            shop.world.cross(key, Ecosystem.PRODUCTION, f"198.51.100.7:{port}", "outside")
        shop.tick()
        assert len(shop.store.attributed()) == MOST_PLACES + 1, round_
    assert len(shop.lines("crossing")) == MOST_PLACES + 1
    assert sum(a.crossing.count for a in shop.store.attributed()) == 2 * (MOST_PLACES + 50)
    assert shop.store.last_crossings()[Ecosystem.PRODUCTION] == 2 * (MOST_PLACES + 50), "all are read"
    shop.restart()
    shop.tick(2)
    assert sum(a.crossing.count for a in shop.store.attributed()) == 2 * (MOST_PLACES + 50)
