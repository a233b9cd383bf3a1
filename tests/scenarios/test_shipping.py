"""From a commit to production, and the ways in which development ends it."""

from scenarios.company import job_of, of_commit
from scenarios.conftest import Found
from twinstage.model.job import JobResult
from twinstage.model.names import Ecosystem
from twinstage.model.release import Outside
from twinstage.model.rollout import IntentVerb, State
from twinstage.runtime.behaviour import FAILS, Ending

FORWARD = ["building", "gating", "candidate", "staging", "verifying", "verified"]
CANARY = ["canary 5 %", "canary 25 %", "production 50 %", "production 100 %", "live"]


def test_a_first_release_goes_to_production_without_a_canary(company: Found) -> None:
    shop = company("orders")
    rollout = shop.ship("orders")
    assert shop.history(rollout) == [*FORWARD, "production 100 %", "live"]
    assert "NO_BASELINE" in {r.code for r in [shop.rollout(rollout).reason]} or any(
        "no baseline to compare" in row.why for row in shop.store.journal(rollout=shop.rollout(rollout).id)
    )
    shop.settle()
    commit = shop.live("orders")
    assert shop.split("orders") == {commit: 100}
    assert shop.split("orders", Ecosystem.STAGING) == {commit: 100}, "staging mirrors it"
    assert shop.runs(Ecosystem.PRODUCTION) == {("orders", commit): 2}
    assert shop.runs(Ecosystem.STAGING) == {("orders", commit): 1}
    assert not shop.lanes("orders")


def test_a_second_release_is_a_canary_first_and_no_request_fails(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    old = shop.live("orders")
    rollout = shop.ship("orders")
    assert shop.history(rollout) == [*FORWARD, *CANARY]
    shop.settle()
    assert shop.split("orders") == {shop.live("orders"): 100}
    assert ("orders", old) not in shop.runs(Ecosystem.PRODUCTION), "the old one is gone"
    assert ("orders", old) not in shop.runs(Ecosystem.STAGING)
    assert shop.world.meter.failed == 0
    baselines = [row.after for row in shop.lines("baseline")]
    assert len(baselines) == 2


def test_what_a_release_newly_calls_outside_stands_in_the_journal_before_production(company: Found) -> None:
    shop = company("orders")
    hosts = {Ecosystem.PRODUCTION: "pay.example:443", Ecosystem.STAGING: "sandbox.pay.example:443"}
    rollout = shop.submit("orders", shop.write("orders", outside={"pay": Outside(hosts=hosts)}))
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    lines = shop.store.journal(rollout=shop.rollout(rollout).id)
    told = [row for row in lines if row.what == "outside"]
    assert "pay.example:443 (in staging sandbox.pay.example:443)" in told[0].why
    assert told[0].seq < next(row.seq for row in lines if row.after == "staging")
    again = shop.submit("orders", shop.write("orders", outside={"pay": Outside(hosts=hosts)}))
    shop.until(lambda: shop.state(again) is State.LIVE)
    assert len(told) == len(shop.lines("outside")), "production calls it already"


def test_a_failing_gate_refuses_it_before_staging_and_says_which(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.world.end(job_of(commit, "unit"), FAILS)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "GATE_FAILED"
    assert shop.rollout(rollout).reason.facts["gate"] == "unit"
    assert commit[:12] in shop.said(rollout)
    evidence = {e.gate: e for e in shop.store.evidence(shop.rollout(rollout).service, commit)}
    assert (evidence["unit"].passed, evidence["unit"].exit_status, evidence["unit"].log_end) == (False, 1, "1 failed")
    assert evidence["unit"].seconds is not None
    assert not shop.runs(Ecosystem.STAGING)
    assert "staging" not in shop.history(rollout)


def test_a_commit_that_nobody_reviewed_is_refused(company: Found) -> None:
    shop = company("orders")
    own = (("Reviewed-by", "Ada <ADA@shop.example>"),)
    rollout = shop.submit("orders", shop.write("orders", trailers=own))
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.rollout(rollout).reason.facts["gate"] == "review"


def test_a_failing_build_ends_it(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.world.end(job_of(commit, "build"), FAILS)
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "BUILD_FAILED"
    assert shop.rollout(rollout).release is None


def test_a_tree_that_is_not_what_the_build_said_ends_it(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.outside.shelf.damaged.add(f"/artifacts/{commit}")
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "BUILD_FAILED"


def test_a_commit_that_failed_is_submitted_again_and_built_once(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    shop.world.end(job_of(commit, "unit"), FAILS)
    first = shop.submit("orders", commit)
    shop.until(lambda: shop.state(first) is State.FAILED)
    shop.world.end(job_of(commit, "unit"), Ending())
    second = shop.submit("orders", commit)
    shop.until(lambda: shop.state(second) is State.LIVE)
    names = [job.name for job in shop.store.jobs(rollout=shop.rollout(second).id)]
    assert "build" not in names, "it was built already"
    assert "lint" not in names, "evidence for the commit holds"
    assert "unit" in names


def test_a_commit_on_its_way_or_live_is_answered_so(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    rollout = shop.submit("orders", commit)
    again = shop.ask(IntentVerb.SUBMIT, service="orders", commit=commit)
    assert (again.accepted, again.rollout) == (True, rollout)
    assert "on its way already" in again.answer
    shop.until(lambda: shop.state(rollout) is State.LIVE)
    live = shop.ask(IntentVerb.SUBMIT, service="orders", commit=commit)
    assert (live.accepted, live.rollout) == (True, None)
    assert "live already" in live.answer


def test_an_unknown_service_or_commit_is_refused_in_words(company: Found) -> None:
    shop = company("orders")
    nobody = shop.ask(IntentVerb.SUBMIT, service="nobody", commit="c" * 40)
    assert (nobody.accepted, "no service of that name" in nobody.answer) == (False, True)
    nothing = shop.ask(IntentVerb.SUBMIT, service="orders", commit="c" * 40)
    assert (nothing.accepted, "cannot find commit" in nothing.answer) == (False, True)


def test_a_release_waits_for_what_it_calls(company: Found) -> None:
    shop = company("orders", "payments")
    rollout = shop.submit("orders", shop.write("orders", calls=["payments"]))
    shop.until(lambda: shop.state(rollout) is State.CANDIDATE)
    shop.tick(3)
    assert shop.reason(rollout) == "WAITS_FOR_DEPENDENCIES"
    shop.ship("payments")
    shop.until(lambda: shop.state(rollout) is State.LIVE)


def test_an_artifact_that_was_touched_is_not_run(company: Found) -> None:
    shop = company("orders")
    commit = shop.write("orders")
    rollout = shop.submit("orders", commit)
    shop.until(lambda: shop.state(rollout) is State.GATING)
    shop.outside.shelf.damaged.add(f"/artifacts/{commit}")
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert shop.reason(rollout) == "ARTIFACT_DAMAGED"
    assert not any(of_commit(commit)(held.workload) for held in shop.world.workloads.values())


def test_jobs_are_forgotten_once_their_results_are_recorded(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    shop.settle()
    assert not shop.world.jobs
    assert not shop.store.jobs(unfinished=True)
    assert {job.result for job in shop.store.jobs()} == {JobResult.SUCCEEDED}


def test_the_controller_says_when_a_further_look_is_worth_having(company: Found) -> None:
    shop = company("orders")
    shop.ship("orders")
    shop.settle()
    shop.tick()
    assert (shop.controller.busy, shop.controller.moved, shop.controller.due) == (False, False, None)
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.rollout(rollout).reason.code == "BAKING")
    assert shop.controller.moved, "it has just been seen to get its share"
    shop.tick()
    until = shop.rollout(rollout).reason.until
    assert not shop.controller.moved
    assert until is not None
    assert shop.controller.due is not None
    assert 0 < shop.controller.due <= (until - shop.now).total_seconds() + 1
