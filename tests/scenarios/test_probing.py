"""The boundary is tried: when asked, once an hour, and never to anybody's account."""

from datetime import timedelta

from scenarios.company import Company
from scenarios.conftest import Found
from twinstage.controller.probing import Prober, Rhythm
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Ecosystem
from twinstage.model.rollout import IntentVerb, State
from twinstage.runtime.behaviour import LOST, Ending


def ended(shop: Company) -> bool:
    found = [shop.store.probe(ecosystem) for ecosystem in Ecosystem]
    return all(job is not None and job.result is not None for job in found)


def test_asked_for_it_is_tried_in_both_ecosystems(company: Found) -> None:
    shop = company("orders")
    asked = shop.ask(IntentVerb.PROVE, by="grace", why="an audit")
    assert (asked.accepted, asked.answer) == (True, "trying every known way out of production and staging")
    again = shop.ask(IntentVerb.PROVE, by="grace", why="an audit")
    assert "already" in again.answer
    shop.until(lambda: ended(shop))
    for ecosystem in Ecosystem:
        job = shop.store.probe(ecosystem)
        assert job is not None
        assert job.output == {"tried": "1", "stopped": "1", "passed": ""}
        assert job.ended is not None
    shop.until(lambda: not shop.world.jobs)
    assert [row.why for row in shop.lines("job")] == []


def test_what_passed_stands_in_the_journal(company: Found) -> None:
    shop = company("orders")
    shop.world.end(lambda job: job.kind is JobKind.PROBE, Ending(changes="vsock"))
    shop.ask(IntentVerb.PROVE, by="grace", why="an audit")
    shop.until(lambda: ended(shop))
    assert sorted(row.why for row in shop.lines("job")) == [
        "probe of production's boundary (which it passed: vsock) succeeded with exit status 0",
        "probe of staging's boundary (which it passed: vsock) succeeded with exit status 0",
    ]


def test_what_the_probe_calls_is_nobodys_crossing(company: Found) -> None:
    shop = company("orders")
    shop.world.end(
        lambda job: job.kind is JobKind.PROBE,
        Ending(crosses=(("production orders", "other-ecosystem"), ("x:1", "outside"))),
    )
    shop.ask(IntentVerb.PROVE, by="grace", why="an audit")
    shop.until(lambda: ended(shop))
    shop.until(lambda: not shop.world.jobs)
    assert shop.store.crossings() == []
    assert shop.lines("crossing") == []
    assert set(shop.store.last_crossings().values()) == {2}, "they are not read again with each look"
    rollout = shop.ship("orders")
    assert shop.state(rollout) is State.LIVE


def test_a_release_answers_for_its_own_crossings_beside_the_probes(company: Found) -> None:
    shop = company("orders")
    shop.world.end(lambda job: job.kind is JobKind.PROBE, Ending(crosses=(("x:1", "outside"),)))
    shop.world.end(lambda job: job.kind is JobKind.VERIFY, Ending(crosses=(("production orders", "other-ecosystem"),)))
    shop.ask(IntentVerb.PROVE, by="grace", why="an audit")
    rollout = shop.submit("orders", shop.write("orders"))
    shop.until(lambda: shop.state(rollout) is State.FAILED)
    assert [crossing.target for crossing in shop.store.crossings()] == ["production orders"]


def test_it_is_tried_by_itself_once_an_hour(company: Found) -> None:
    shop = company("orders")
    prober = Prober(shop.controller._means, Rhythm())
    prober.probe(shop.now)
    assert shop.store.probe(Ecosystem.STAGING) is None, "what starts with the controller comes first"
    prober.probe(shop.now + timedelta(seconds=16))
    shop.until(lambda: ended(shop))
    first = shop.store.probe(Ecosystem.STAGING)
    prober.probe(shop.now + timedelta(minutes=50))
    assert shop.store.probe(Ecosystem.STAGING) == first
    prober.probe(shop.now + timedelta(minutes=61))
    assert shop.store.probe(Ecosystem.STAGING) != first
    assert shop.store.probe(Ecosystem.STAGING, ended=True) == first


def test_a_controller_that_starts_again_and_again_does_not_do_nothing_else(company: Found) -> None:
    shop = company("orders")
    shop.ask(IntentVerb.PROVE, by="grace", why="an audit")
    shop.until(lambda: ended(shop))
    first = shop.store.probe(Ecosystem.STAGING)
    anew = Prober(shop.controller._means, Rhythm())
    anew.probe(shop.now)
    anew.probe(shop.now + timedelta(seconds=16))
    assert shop.store.probe(Ecosystem.STAGING) == first


def test_a_lost_probe_tells_nothing_and_the_next_one_is_another(company: Found) -> None:
    shop = company("orders")
    shop.world.end(lambda job: job.kind is JobKind.PROBE, LOST)
    shop.ask(IntentVerb.PROVE, by="grace", why="an audit")
    shop.until(lambda: ended(shop))
    lost = shop.store.probe(Ecosystem.PRODUCTION)
    assert lost is not None
    assert (lost.result, dict(lost.output)) == (JobResult.LOST, {})
    shop.ask(IntentVerb.PROVE, by="grace", why="again")
    again = shop.store.probe(Ecosystem.PRODUCTION)
    assert again is not None
    assert again.id != lost.id
