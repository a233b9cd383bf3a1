"""The figures the judge lives on."""

import http.client

import pytest
from envoy_rig import Call, Proxy, call, eventually, tally
from envoy_upstream import Instance

from twinstage.runtime.local.envoy.statistics import Traffic


def traffic(proxy: Proxy) -> Traffic:
    return proxy.admin.figures().traffic[proxy.cluster("r_1")]


def counts(proxy: Proxy) -> tuple[int, int]:
    seen = traffic(proxy)
    return seen.requests, seen.errors


def test_answers_are_counted_and_errors_among_them(proxy: Proxy, one: Instance) -> None:
    tally(proxy.port, 20)
    for path in ("/error", "/bad", "/forbidden"):
        call(proxy.port, path)

    eventually(lambda: counts(proxy) == (23, 2), "500 and 502 are errors, 403 is not")


def test_a_connection_that_is_dropped_is_an_error(proxy: Proxy, one: Instance) -> None:
    assert call(proxy.port, "/drop").json()["title"] == "connection lost"

    eventually(lambda: counts(proxy) == (1, 1), "one request, one error")


def test_an_answer_that_is_cut_short_is_an_error(proxy: Proxy, one: Instance) -> None:
    with pytest.raises(http.client.IncompleteRead):
        call(proxy.port, "/cut")

    eventually(lambda: counts(proxy) == (1, 1), "one request, one error, though its status was 200")


def test_a_workload_without_a_healthy_instance_answers_for_it(proxy: Proxy, one: Instance) -> None:
    one.well = False
    eventually(lambda: proxy.healthy("r_1") == set(), "it is unhealthy")
    before = counts(proxy)

    assert call(proxy.port).status == 503

    eventually(lambda: counts(proxy) == (before[0] + 1, before[1] + 1), "the proxy's 503 counts against it")


def test_a_refused_connection_counts_for_each_attempt(proxy: Proxy, one: Instance) -> None:
    one.stop()
    answer = call(proxy.port)
    assert answer.status == 503

    requests, errors = counts(proxy)
    assert requests == errors
    assert requests >= 1


def test_health_checks_are_not_traffic(proxy: Proxy, one: Instance) -> None:
    one.well = False
    eventually(lambda: proxy.healthy("r_1") == set(), "it was asked and failed")

    assert counts(proxy) == (0, 0)


def test_requests_in_flight_are_counted(proxy: Proxy, one: Instance) -> None:
    calls = [Call(proxy.port, "/slow") for _ in range(3)]
    eventually(lambda: proxy.admin.figures().in_flight == {proxy.cluster("r_1"): 3}, "three are in flight")
    assert counts(proxy) == (0, 0), "what is not over is not counted yet"

    one.release()

    assert {c.result().body for c in calls} == {"one"}
    eventually(lambda: proxy.admin.figures().in_flight == {proxy.cluster("r_1"): 0}, "none is")


def test_latency_is_cumulative_over_ascending_bounds(proxy: Proxy, one: Instance) -> None:
    tally(proxy.port, 40)
    eventually(lambda: traffic(proxy).latency and traffic(proxy).latency[-1][1] == 40, "all are in the last bucket")

    latency = traffic(proxy).latency
    bounds, cumulative = zip(*latency, strict=True)

    assert list(bounds) == sorted(set(bounds))
    assert bounds[:5] == (1, 2, 3, 4, 5)
    assert list(cumulative) == sorted(cumulative)
    assert dict(latency)[1000] == 40
