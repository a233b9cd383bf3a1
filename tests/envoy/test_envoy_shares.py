"""How requests are shared out, and what is answered where there is nobody to share them among."""

from envoy_rig import Proxy, call, eventually, tally
from envoy_upstream import Upstreams


def test_requests_are_shared_by_weight(proxy: Proxy, instances: Upstreams) -> None:
    old, new = instances.instance("old"), instances.instance("new")
    proxy.put_workload("r_old", [(old.address, old.port)])
    proxy.put_workload("r_new", [(new.address, new.port)])
    proxy.start({"r_old": 90, "r_new": 10})

    bodies = tally(proxy.port, 2000)

    assert set(bodies) == {"old", "new"}
    assert 120 <= bodies["new"] <= 280, "10 % of 2,000 within six standard deviations"


def test_a_change_of_weight_takes_effect_without_a_new_listener(proxy: Proxy, instances: Upstreams) -> None:
    old, new = instances.instance("old"), instances.instance("new")
    proxy.put_workload("r_old", [(old.address, old.port)])
    proxy.put_workload("r_new", [(new.address, new.port)])
    proxy.start({"r_old": 100})
    before = proxy.admin.figures()
    assert set(tally(proxy.port, 50)) == {"old"}

    proxy.routed(proxy.put_route({"r_new": 100}))

    assert set(tally(proxy.port, 50)) == {"new"}
    after = proxy.admin.figures()
    assert (after.epoch, after.versions.listeners) == (before.epoch, before.versions.listeners)


def test_a_share_of_nothing_gets_no_request(proxy: Proxy, instances: Upstreams) -> None:
    old, new = instances.instance("old"), instances.instance("new")
    proxy.put_workload("r_old", [(old.address, old.port)])
    proxy.put_workload("r_new", [(new.address, new.port)])
    proxy.start({"r_old": 100, "r_new": 0})

    assert set(tally(proxy.port, 200)) == {"old"}


def test_instances_of_a_workload_share_its_requests(proxy: Proxy, instances: Upstreams) -> None:
    one = instances.instance("one", "127.0.0.2")
    two = instances.instance("two", "127.0.0.3", one.port)
    proxy.put_workload("r_1", [(one.address, one.port), (two.address, two.port)])
    proxy.start({"r_1": 100})
    proxy.until_healthy("r_1", 2)

    bodies = tally(proxy.port, 400)

    assert bodies["one"] > 100
    assert bodies["two"] > 100


def test_an_empty_split_says_why_it_answers_503(proxy: Proxy) -> None:
    proxy.start({})

    answer = call(proxy.port)

    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "nothing is routed here"
    assert "no release of orders serves production" in answer.json()["detail"]


def test_a_workload_the_proxy_does_not_know_answers_503(proxy: Proxy) -> None:
    proxy.start({"r_unknown": 100})

    answer = call(proxy.port)

    assert answer.status == 503
    assert answer.json()["title"] == "no such workload"


def test_a_route_may_come_before_its_workload(proxy: Proxy, instances: Upstreams) -> None:
    late = instances.instance("late")
    proxy.start({"r_late": 100})
    assert call(proxy.port).status == 503

    proxy.put_workload("r_late", [(late.address, late.port)])

    eventually(lambda: call(proxy.port).body == "late", "the late workload answers")
