"""Nouns to JSON and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from twinstage.model.encoding import decode, dumps, encode, loads
from twinstage.model.names import Digest, Ecosystem, InstanceId, JobId, LaneId, Phase, ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import EcosystemFile, Policy, ServiceEntry
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Artifact, Definition, Evidence, Process, Release
from twinstage.model.rollout import Kind, Rollout, State
from twinstage.model.seen import Crossing, TrafficSample
from twinstage.model.workload import WorkloadKey

NOW = datetime(2026, 1, 5, 12, 30, 15, 123456, tzinfo=UTC)
ORDERS = ServiceName("orders")
KEY = WorkloadKey(ecosystem=Ecosystem.STAGING, service=ORDERS, process="web", release=ReleaseId("r_1"), secrets=1)
WEB = Process(run="app", instances={Ecosystem.PRODUCTION: 2, Ecosystem.STAGING: 1}, drain=timedelta(seconds=1.5))
DEFINITION = Definition(
    service=ORDERS,
    build=None,
    processes={"web": WEB},
    depends_on=(ServiceName("payments"),),
    config={"MODE": {Ecosystem.PRODUCTION: "live", Ecosystem.STAGING: "sandbox"}},
    databases={"orders": "migrate", "plain": None},
)
ROLLOUT = Rollout(
    id=RolloutId("abcd1234"),
    service=ORDERS,
    kind=Kind.ROLLBACK,
    commit="c" * 40,
    tree="t",
    release=None,
    state=State.VERIFIED,
    entered=NOW,
    deadline=NOW,
    skips=frozenset({Phase.CANARY, Phase.STAGING}),
    lane=LaneId("deadbeef"),
    submitted=NOW,
    by="ada",
    reason=Reason(code="BAKING", owner=Owner.CLOCK, facts={"share": 5, "rate": 0.5, "who": "x"}, until=NOW),
)
CROSSING = Crossing(
    seq=1, at=NOW, ecosystem=Ecosystem.STAGING, source=KEY, instance=InstanceId("i1"),
    target="10.0.0.1:80", kind="outside", answered="403",
)  # fmt: skip
EVERY = [
    ROLLOUT,
    CROSSING,
    Release(
        id=ReleaseId("r_1"),
        service=ORDERS,
        commit="c",
        tree="t",
        artifact=Artifact(kind="tree", digest=Digest("d"), location="/a"),
        definition=DEFINITION,
    ),
    Evidence(
        service=ORDERS, commit="c", tree="t", gate="unit", passed=True, by="x", at=NOW, attestation=b"\x00\xff",
        seconds=1.0,
    ),
    EcosystemFile(name="shop", services=(ServiceEntry(service=ORDERS, repository="/r"),), policy=Policy()),
    TrafficSample(
        workload=KEY, source="p", epoch="1", at=NOW, requests=1, errors=0, latency=((0.5, 0), (float("inf"), 1))
    ),
]  # fmt: skip


@pytest.mark.parametrize("noun", EVERY, ids=lambda n: type(n).__name__)
def test_a_noun_comes_back_as_it_was(noun: object) -> None:
    assert loads(type(noun), dumps(noun)) == noun


def test_equal_nouns_are_equal_text() -> None:
    other = Policy(limits=dict(reversed(Policy().limits.items())))
    assert dumps(other) == dumps(Policy())


def test_a_source_is_a_workload_or_a_job() -> None:
    job = JobId("abcd1234.verify.verify.1.1")
    text = dumps(CROSSING).replace(dumps(KEY), f'"{job}"')
    assert loads(Crossing, text).source == job


def test_times_are_kept_in_utc_and_never_without_a_zone() -> None:
    there = datetime(2026, 1, 5, 14, tzinfo=timezone(timedelta(hours=2)))
    assert encode(there) == "2026-01-05T12:00:00+00:00"
    with pytest.raises(ValueError, match="no time zone"):
        encode(datetime(2026, 1, 5))


def test_a_field_that_is_missing_takes_its_default_and_an_unknown_one_is_left_out() -> None:
    entry = decode(ServiceEntry, {"service": "orders", "repository": "/r", "added": "later"})
    assert entry == ServiceEntry(service=ORDERS, repository="/r", branch="main", path=".")


@pytest.mark.parametrize(("kind", "text"), [(int, '"5"'), (int, "true"), (str, "5"), (Process, '{"run": "x"}')])
def test_what_is_not_of_the_kind_is_refused(kind: type, text: str) -> None:
    with pytest.raises((TypeError, ValueError, KeyError)):
        loads(kind, text)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot store a object"):
        encode(object())
