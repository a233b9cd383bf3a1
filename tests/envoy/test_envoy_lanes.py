"""A lane is reached by the request's baggage, in staging alone."""

import http.client

import pytest
from envoy_rig import Proxy, call, eventually, tally
from envoy_upstream import Upstreams

LANE = "7f3a12bc"


@pytest.fixture
def lane(staging: Proxy, instances: Upstreams) -> Proxy:
    mirror, candidate = instances.instance("mirror"), instances.instance("candidate")
    staging.put_workload("r_mirror", [(mirror.address, mirror.port)])
    staging.put_workload("r_candidate", [(candidate.address, candidate.port)])
    staging.start({"r_mirror": 100}, {LANE: "r_candidate"})
    return staging


@pytest.mark.parametrize(
    "baggage",
    [
        f"twinstage-lane={LANE}",
        f"user=7,twinstage-lane={LANE}",
        f"user=7, twinstage-lane={LANE}",
        f"user=7,\ttwinstage-lane = {LANE} ,tenant=a",
        f"twinstage-lane={LANE};ttl=3, user=7",
        f"user=7;k=v , twinstage-lane={LANE} ; ttl=3",
    ],
)
def test_the_member_is_found_wherever_it_stands(lane: Proxy, baggage: str) -> None:
    assert call(lane.port, headers={"baggage": baggage}).body == "candidate"


@pytest.mark.parametrize(
    "baggage",
    [
        "",
        "user=7",
        f"twinstage-lane={LANE}0",
        f"twinstage-lane={LANE} 0",
        "twinstage-lane=7f3a12b",
        f"xtwinstage-lane={LANE}",
        f"x-twinstage-lane={LANE}",
        f"note=a twinstage-lane={LANE}",
        f"note=x;twinstage-lane={LANE}",
        f"twinstage-lane={LANE.upper()}",
        f"lane={LANE}",
        "twinstage-lane=00000000",
    ],
)
def test_anything_else_is_answered_by_the_mirror(lane: Proxy, baggage: str) -> None:
    assert call(lane.port, headers={"baggage": baggage}).body == "mirror"


def test_two_baggage_headers_are_one(lane: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lane.port, timeout=30)
    connection.putrequest("GET", "/")
    connection.putheader("baggage", "user=7")
    connection.putheader("baggage", f"twinstage-lane={LANE}")
    connection.endheaders()
    assert connection.getresponse().read() == b"candidate"
    connection.close()


def test_the_lane_is_in_the_access_log_and_the_baggage_goes_on(lane: Proxy, instances: Upstreams) -> None:
    baggage = f"user=7,twinstage-lane={LANE}"
    call(lane.port, "/seen", headers={"baggage": baggage})
    call(lane.port, "/other")

    eventually(lambda: len(lane.log_lines()) == 2, "both requests are logged")
    assert {line["path"]: line["lane"] for line in lane.log_lines()} == {"/seen": LANE, "/other": None}
    candidate = next(i for i in instances.started if i.name == "candidate")
    assert candidate.headers["baggage"] == baggage


def test_a_first_release_has_a_lane_and_no_mirror(staging: Proxy, instances: Upstreams) -> None:
    candidate = instances.instance("candidate")
    staging.put_workload("r_candidate", [(candidate.address, candidate.port)])
    staging.start({}, {LANE: "r_candidate"})

    assert call(staging.port, headers={"baggage": f"twinstage-lane={LANE}"}).body == "candidate"
    assert call(staging.port).status == 503


def test_production_ignores_a_lane(proxy: Proxy, instances: Upstreams) -> None:
    live, candidate = instances.instance("live"), instances.instance("candidate")
    proxy.put_workload("r_live", [(live.address, live.port)])
    proxy.put_workload("r_candidate", [(candidate.address, candidate.port)])
    proxy.start({"r_live": 100}, {LANE: "r_candidate"})

    assert set(tally(proxy.port, 50, headers={"baggage": f"twinstage-lane={LANE}"})) == {"live"}
