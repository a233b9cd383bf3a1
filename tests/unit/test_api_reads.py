"""What the API answers to questions, over a real store."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from face_company import START, Api, Company, moved, reason, release, rollout, workload

from twinstage import wire
from twinstage.model.facts import MirrorBreak
from twinstage.model.names import Ecosystem, InstanceId, Phase, ServiceName
from twinstage.model.reasons import Owner
from twinstage.model.release import Evidence
from twinstage.model.rollout import Freeze, Pin, Rollout, Skip, State
from twinstage.model.seen import Crossing, Health, Observed, SentinelSeen
from twinstage.runtime.local.lacks import UNNOTED
from twinstage.store.rows import Attributed

CATALOG, ORDERS, NEXT = release("catalog", "c"), release("orders", "1"), release("orders", "7")


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = Company(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def api(company: Company) -> Api:
    return Api(company.app())


def status(api: Api) -> wire.Status:
    return wire.Status.model_validate_json(api.get("/v1/status").content)


def row(api: Api, name: str) -> wire.ServiceRow:
    return next(r for r in status(api).services if r.name == name)


def test_a_service_has_both_ports_in_both_ecosystems(api: Api) -> None:
    ports = row(api, "orders").ports
    assert ports["production"] == wire.Ports(frontend=10001, backend=12001)
    assert ports["staging"] == wire.Ports(frontend=14001, backend=16001)


def test_a_baseline_is_shown_with_its_health_in_both_ecosystems(company: Company, api: Api) -> None:
    company.live(CATALOG, ORDERS)
    baseline = row(api, "orders").baseline
    assert baseline is not None
    assert (baseline.release, baseline.since) == (ORDERS.id, START)
    assert (baseline.production.healthy, baseline.production.wanted) == (2, 2)
    assert (baseline.staging.healthy, baseline.staging.wanted) == (1, 1)


def test_the_mirror_tells_what_is_not_whole_and_since_when(company: Company, api: Api) -> None:
    company.live(CATALOG, ORDERS)
    assert (status(api).mirror.mirrored, status(api).mirror.services) == (2, 2)
    company.see(Ecosystem.STAGING, (CATALOG, 1), (ORDERS, 1), ill={CATALOG.id: Health.STARTING})
    assert (status(api).mirror.breaks, status(api).mirror.coming) == ([], ["catalog"]), "it is live since just now"
    company.now = START + timedelta(minutes=1)
    company.see(Ecosystem.STAGING, (CATALOG, 1), (ORDERS, 1), ill={CATALOG.id: Health.CRASHING})
    company.write(breaks=(MirrorBreak(service=CATALOG.service, since=START, until=None, detail="0 of 1"),))
    mirror = status(api).mirror
    assert (mirror.mirrored, mirror.services) == (1, 2)
    assert [(b.service, b.since) for b in mirror.breaks] == [("catalog", START)]


def test_a_canary_is_in_its_column_with_share_health_and_progress(company: Company, api: Api) -> None:
    company.live(CATALOG, ORDERS)
    why = reason("BAKING", Owner.CLOCK, START + timedelta(minutes=1), share=5)
    canary = rollout("ro_5d1", "orders", State.CANARY, why, release=NEXT.id, share=5, exposed=START)
    company.write(releases=(NEXT,), rollouts=((None, canary),))
    company.see(Ecosystem.PRODUCTION, (CATALOG, 2), (ORDERS, 2), (NEXT, 1), shares={ORDERS.id: 95, NEXT.id: 5})
    company.now = START + timedelta(seconds=30)
    phases = row(api, "orders").phases
    assert [len(phases[p]) for p in phases] == [0, 0, 1, 0]
    found = phases[list(phases)[2]][0]
    assert (found.release, found.share, found.state) == (NEXT.id, 5, "canary")
    assert found.health == wire.Count(healthy=1, wanted=1)
    assert found.progress == pytest.approx(0.25)  # half of the first of two shares of the two minutes
    assert found.reason.sentence == why.sentence
    assert found.reason.until == START + timedelta(minutes=1)


def test_a_retreating_rollout_stays_in_the_phase_it_came_from(company: Company, api: Api) -> None:
    gone = rollout("ro_5d1", "orders", State.RETREATING, reason("RETREATING", left="1 instance"), outcome=State.FAILED)
    company.write(
        rollouts=((None, gone),),
        journal=(moved("ro_5d1", "orders", State.CANARY), moved("ro_5d1", "orders", State.RETREATING)),
    )
    assert [len(cell) for cell in row(api, "orders").phases.values()] == [0, 0, 1, 0]


def test_trouble_is_brought_to_attention(company: Company, api: Api) -> None:
    company.live(CATALOG, ORDERS)
    state = company.store.services()[ServiceName("orders")]
    pinned = replace(state, pin=Pin(release=ORDERS.id, by="ada", why="it leaks", at=START))
    stray = Crossing(
        seq=1,
        at=START,
        ecosystem=Ecosystem.PRODUCTION,
        source=workload(Ecosystem.PRODUCTION, CATALOG),
        instance=InstanceId("i"),
        target="198.51.100.7:443",
        kind="outside",
        answered="closed",
        advice="declare it under outside",
    )
    seen = Attributed(crossing=stray, service=CATALOG.service, release=CATALOG.id)
    company.write(services=((state, pinned),), crossings=(seen,))
    look = company.latest[Ecosystem.STAGING]
    company.latest[Ecosystem.STAGING] = replace(look, parts={"proxy": Health.CRASHING}, enforced=False)
    found = status(api)
    text = "\n".join(a.text for a in found.attention)
    for part in ("it leaks", "198.51.100.7:443", "its proxy is crashing", "boundary of staging is NOT enforced"):
        assert part in text
    assert not found.enforced
    assert row(api, "catalog").crossings.count == 1


def test_the_version_ignores_the_clock_but_nothing_else(company: Company, api: Api) -> None:
    company.live(CATALOG, ORDERS)
    first = status(api)
    company.now += timedelta(seconds=3)
    second = status(api)
    assert (first.at, first.version) != (second.at, "")
    assert first.version == second.version
    company.see(Ecosystem.PRODUCTION, (CATALOG, 1), (ORDERS, 2))
    assert status(api).version != first.version


def test_a_long_poll_answers_when_something_changes(company: Company, api: Api) -> None:
    company.live(CATALOG, ORDERS)
    before = status(api).version
    change = threading.Timer(0.05, lambda: company.see(Ecosystem.PRODUCTION, (CATALOG, 1), (ORDERS, 2)))
    change.start()
    answer = api.get("/v1/status", params={"after": before, "wait": 10})
    change.join()
    assert wire.Status.model_validate_json(answer.content).version != before


def test_a_long_poll_is_bounded(api: Api) -> None:
    answer = api.get("/v1/status", params={"wait": 11})
    assert answer.status_code == 422
    assert "wait" in wire.Problem.model_validate_json(answer.content).mistakes[0].text


def test_before_the_first_file_there_is_nothing_to_show(tmp_path: Path, company: Company) -> None:
    (tmp_path / "other").mkdir()
    empty = Company(tmp_path / "other", services=())
    empty.store.ecosystem = lambda: None  # type: ignore[method-assign]
    answer = Api(empty.app()).get("/v1/status")
    assert answer.status_code == 409
    assert "twinstage up" in answer.json()["hint"]


def test_one_service_lists_its_instances_by_what_they_are(company: Company, api: Api) -> None:
    company.live(CATALOG, ORDERS)
    canary = rollout("ro_5d1", "orders", State.CANARY, reason("BAKING", share=5), release=NEXT.id, share=5)
    company.write(releases=(NEXT,), rollouts=((None, canary),))
    company.see(Ecosystem.PRODUCTION, (ORDERS, 2), (NEXT, 1), (release("orders", "e"), 1))
    found = wire.Service.model_validate_json(api.get("/v1/services/orders").content)
    parts = [(i.ecosystem, i.part) for i in found.instances]
    assert parts == [
        ("production", "baseline"), ("production", "baseline"), ("production", "canary"), ("production", "leaving"),
        ("staging", "baseline"),
    ]  # fmt: skip
    assert found.baselines == [ORDERS.id]


def test_an_unknown_service_is_a_problem_that_names_the_nearest(api: Api) -> None:
    answer = api.get("/v1/services/order")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["hint"] == "did you mean orders?"


def test_rollouts_are_found_by_service_release_openness_and_prefix(company: Company, api: Api) -> None:
    done = rollout("ro_aa1", "orders", State.LIVE, reason("LIVE"), release=ORDERS.id)
    going = rollout("ro_bb2", "orders", State.GATING, reason("GATES_RUNNING", gates="unit"), release=NEXT.id)
    other = rollout("ro_cc3", "catalog", State.BUILDING, reason("BUILDING", commit="9"))
    company.write(rollouts=tuple((None, r) for r in (done, going, other)))

    def ids(**query: str | bool) -> list[str]:
        return [r["id"] for r in api.get("/v1/rollouts", params=query).json()]

    assert ids() == ["ro_cc3", "ro_bb2", "ro_aa1"]
    assert ids(service="orders", open=True) == ["ro_bb2"]
    assert ids(release=ORDERS.id[:8]) == ["ro_aa1"]
    assert api.get("/v1/rollouts/ro_b").json()["id"] == "ro_bb2"
    assert "more of its name" in api.get("/v1/rollouts/ro_").json()["hint"]


def test_freezes_are_told_once_and_at_every_service_and_rollout_they_hold(company: Company, api: Api) -> None:
    company.live(CATALOG, ORDERS)
    own = Freeze(service=ORDERS.service, by="ada", why="a sale", at=START, until=START + timedelta(hours=3))
    every = replace(own, service=None, why="holidays", until=START + timedelta(hours=1))
    why = reason("FROZEN", Owner.OPERATOR, own.until, what="orders", by="ada", why="a sale", scope="orders")
    waits = rollout("ro_5d1", "orders", State.VERIFIED, why, release=NEXT.id)
    company.write(releases=(NEXT,), rollouts=((None, waits),), freezes=(own, every))
    assert [(f.service, f.why) for f in status(api).freezes] == [(None, "holidays"), ("orders", "a sale")]
    held = {r.name: r.freeze.why for r in status(api).services if r.freeze}
    assert held == {"catalog": "holidays", "orders": "a sale", "payments": "holidays"}
    journey = wire.Journey.model_validate_json(api.get("/v1/rollouts/ro_5d1/why").content)
    assert journey.freeze is not None
    assert (journey.freeze.until, journey.rollout.reason.sentence) == (own.until, "orders is frozen by ada: a sale")
    assert "`twinstage unfreeze orders`" in journey.unblock
    before = status(api).version
    company.write(thaws=(own, every))
    assert (status(api).freezes, row(api, "orders").freeze) == ([], None)
    assert status(api).version != before


def skipping(state: State) -> Rollout:
    asked = tuple(Skip(phase=p, by="ada", why="orders are lost", at=START) for p in (Phase.DEVELOPMENT, Phase.CANARY))
    skips = frozenset(skip.phase for skip in asked)
    return rollout(
        "ro_5d1", "orders", state, reason("VERIFYING"), release=NEXT.id, submitted=START, skips=skips, skipped=asked
    )


def test_what_is_skipped_is_shown_as_that_with_who_and_why(company: Company, api: Api) -> None:
    it = skipping(State.VERIFYING)
    company.write(releases=(NEXT,), rollouts=((None, it),))
    for second, state in enumerate((State.GATING, State.CANDIDATE, State.STAGING, State.VERIFYING)):
        company.now = START + timedelta(seconds=second + 1)
        company.write(journal=(moved("ro_5d1", "orders", state),))
    found = wire.Journey.model_validate_json(api.get("/v1/rollouts/ro_5d1/why").content)
    told = "skipped by ada: orders are lost"
    assert [(s.state, s.detail) for s in found.steps] == [
        ("skipped", told), ("now", ""), ("skipped", told), ("ahead", ""),
    ]  # fmt: skip
    assert [(s.phase, s.by, s.why) for s in found.rollout.skipped] == [
        (Phase.DEVELOPMENT, "ada", "orders are lost"),
        (Phase.CANARY, "ada", "orders are lost"),
    ]
    (occupant,) = row(api, "orders").phases[Phase.STAGING]
    assert occupant.skipped == found.rollout.skipped


def test_the_history_says_what_a_release_stands_on_and_how_long_it_took(company: Company, api: Api) -> None:
    over = reason("SUPERSEDED", Owner.OPERATOR, commit="777")
    pairs = [
        rollout("ro_1", "orders", State.LIVE, reason("LIVE"), release=ORDERS.id, submitted=START, subject="Sell more",
                entered=START + timedelta(seconds=30)),
        rollout("ro_2", "catalog", State.SUPERSEDED, over, submitted=START, entered=START + timedelta(seconds=2)),
        rollout("ro_3", "orders", State.CANDIDATE, reason("WAITS_FOR_PLACE", lanes=3), submitted=START),
    ]  # fmt: skip
    company.write(releases=(ORDERS,), rollouts=tuple((None, it) for it in pairs))
    first = "its first release: no baseline to compare a canary with"
    company.write(journal=(moved("ro_1", "orders", State.PRODUCTION, first), moved("ro_1", "orders", State.LIVE)))
    company.now = START + timedelta(seconds=50)

    def past(**query: object) -> list[wire.Passage]:
        return [wire.Passage.model_validate(p) for p in api.get("/v1/history", params=query).json()]

    assert [(p.rollout.id, p.seconds, p.ended is None) for p in past()] == [
        ("ro_3", 50.0, True), ("ro_2", 2.0, False), ("ro_1", 30.0, False),
    ]  # fmt: skip
    assert [p.why for p in past()] == [
        "waits for a free lane in staging (3 in use)", "superseded by commit 777", first,
    ]  # fmt: skip
    assert [p.rollout.subject for p in past(service="orders", limit=2)] == ["", "Sell more"]
    assert len(past(limit=1)) == 1
    assert api.get("/v1/history", params={"service": "order"}).status_code == 404
    assert api.get("/v1/history", params={"limit": 501}).status_code == 422


def test_why_tells_the_whole_journey(company: Company, api: Api) -> None:
    why = reason("GATE_FAILED", gate="unit", commit="9999999", detail="exit status 1")
    it = rollout("ro_5d1", "orders", State.BUILDING, reason("BUILDING", commit="9"), submitted=START)
    company.write(rollouts=((None, it),))
    company.now = START + timedelta(seconds=4)
    company.write(journal=(moved("ro_5d1", "orders", State.GATING, "built"),))
    company.now = START + timedelta(seconds=6)
    failed = Evidence(
        service=it.service, commit=it.commit, tree=it.tree, gate="unit", passed=False, by="twinstage", at=company.now,
        exit_status=1, seconds=1.5, detail="exit status 1", log_end="assert 3 == 4",
    )  # fmt: skip
    ended = replace(it, state=State.FAILED, reason=why, entered=company.now)
    entries = (moved("ro_5d1", "orders", State.RETREATING, why.sentence), moved("ro_5d1", "orders", State.FAILED))
    company.write(rollouts=((it, ended),), evidence=(failed,), journal=entries)
    found = wire.Journey.model_validate_json(api.get("/v1/rollouts/ro_5d1/why").content)
    assert found.rollout.reason.sentence == why.sentence
    assert [s.state for s in found.steps] == ["failed", "ahead", "ahead", "ahead"]
    assert (found.steps[0].since, found.steps[0].until) == (START, START + timedelta(seconds=6))
    assert [(e.gate, e.passed, e.log_end) for e in found.evidence] == [("unit", False, "assert 3 == 4")]
    assert [h.after for h in found.history] == ["gating", "retreating", "failed"]
    assert "twinstage logs ro_5d1" in found.unblock


def test_logs_are_read_from_an_offset_and_a_missing_one_is_told(company: Company, api: Api) -> None:
    company.runtime.logs["production.orders.web.0"] = b"first\nsecond\n"
    assert api.get("/v1/logs/production.orders.web.0", params={"offset": 6}).text == "second\n"
    assert api.get("/v1/logs/nothing.here").status_code == 404
    assert api.get("/v1/logs/..%2F..%2Fetc%2Fpasswd").status_code in (404, 422)


def test_the_boundary_says_what_is_enforced_and_lacking(api: Api) -> None:
    found = wire.Boundary.model_validate_json(api.get("/v1/boundary").content)
    assert (found.enforced, found.means) == (True, ["walls"])
    assert [(it.name, it.means, it.takes) for it in found.lacks] == [
        ("no groups", "a program reads more than it should", "a newer kernel"),
        ("not in force: quotas", "whoever is quick writes more", "another file system"),
    ]
    assert found.lacking[0] == "no groups: a program reads more than it should; it would take a newer kernel"


def test_what_a_sentinel_met_is_among_the_lacks_once(company: Company, api: Api) -> None:
    quiet = SentinelSeen(ecosystem=Ecosystem.STAGING, answers={}, unread=0, starts=1, lacking=(UNNOTED,))
    company.runtime.sentinels_ = (quiet, replace(quiet, ecosystem=Ecosystem.PRODUCTION))
    found = wire.Boundary.model_validate_json(api.get("/v1/boundary").content)
    assert [it.name for it in found.lacks].count(UNNOTED.name) == 1


def test_the_journal_is_read_on_from_a_number(company: Company, api: Api) -> None:
    company.write(journal=(moved("ro_1", "orders", State.GATING), moved("ro_2", "catalog", State.GATING)))
    everything = api.get("/v1/journal").json()
    later = api.get("/v1/journal", params={"after": everything[-2]["seq"]}).json()
    assert later == everything[-1:]
    assert [e["rollout"] for e in api.get("/v1/journal", params={"rollout": "ro_1"}).json()] == ["ro_1"]


def test_a_mistake_of_the_controller_is_a_problem_too(company: Company) -> None:
    def broken() -> dict[Ecosystem, Observed]:
        raise RuntimeError("out of luck")

    app = company.app()
    app.state.office = replace(app.state.office, latest=broken)
    api = Api(app)
    answer = api.get("/v1/status")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "out of luck" in answer.json()["detail"]
