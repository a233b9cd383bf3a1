"""Start the new, wait until it is healthy, shift, drain, stop the old: each step as the proxy sees it."""

from envoy_rig import Call, Proxy, call, eventually, tally
from envoy_upstream import Upstreams

SOON = 20.0
"""Seconds that a loaded machine may take, and far less than the minute that Envoy's own ways take."""


def test_a_slow_request_survives_the_removal_of_its_workload(proxy: Proxy, instances: Upstreams) -> None:
    old, new = instances.instance("old"), instances.instance("new")
    proxy.put_workload("r_old", [(old.address, old.port)])
    proxy.put_workload("r_new", [(new.address, new.port)])
    proxy.start({"r_old": 100})
    slow = Call(proxy.port, "/slow")
    eventually(lambda: proxy.admin.figures().in_flight[proxy.cluster("r_old")] == 1, "the request is in flight")

    proxy.routed(proxy.put_route({"r_new": 100}))
    assert set(tally(proxy.port, 50)) == {"new"}
    assert proxy.admin.figures().in_flight[proxy.cluster("r_old")] == 1, "it is still being answered"
    old.release()

    assert slow.result().body == "old"
    eventually(lambda: proxy.admin.figures().in_flight[proxy.cluster("r_old")] == 0, "it is drained")
    proxy.delete_workload("r_old")
    eventually(lambda: proxy.cluster("r_old") not in proxy.admin.health(), "its cluster is gone")
    assert set(tally(proxy.port, 50)) == {"new"}


def test_a_slow_request_survives_the_removal_of_its_endpoint(proxy: Proxy, instances: Upstreams) -> None:
    one = instances.instance("one", "127.0.0.2")
    two = instances.instance("two", "127.0.0.3", one.port)
    proxy.put_workload("r_1", [(one.address, one.port)])
    proxy.start({"r_1": 100})
    slow = Call(proxy.port, "/slow")
    eventually(lambda: one.asked == 1, "the request has arrived")

    proxy.put_endpoints("r_1", [(two.address, two.port)])
    eventually(lambda: proxy.healthy("r_1") == {"127.0.0.3"}, "the other takes over")
    assert set(tally(proxy.port, 50)) == {"two"}
    one.release()

    assert slow.result().body == "one"


def test_no_request_is_lost_while_shares_and_endpoints_change(proxy: Proxy, instances: Upstreams) -> None:
    one = instances.instance("one", "127.0.0.2")
    two = instances.instance("two", "127.0.0.3", one.port)
    new = instances.instance("new")
    both = [(one.address, one.port), (two.address, two.port)]
    proxy.put_workload("r_old", both)
    proxy.put_workload("r_new", [(new.address, new.port)])
    proxy.start({"r_old": 100})
    proxy.until_healthy("r_old", 2)
    bodies = tally(proxy.port, 100)
    for share in (25, 50, 100):
        proxy.put_route({"r_old": 100 - share, "r_new": share})
        bodies += tally(proxy.port, 100)
        proxy.put_endpoints("r_old", both[: 1 + (share == 50)])
        bodies += tally(proxy.port, 100)
    assert set(bodies) == {"one", "two", "new"}
    assert bodies.total() == 700


def test_a_new_endpoint_is_healthy_at_once(proxy: Proxy, instances: Upstreams) -> None:
    """Envoy's own no_traffic_interval would leave it unhealthy for up to a minute."""
    one = instances.instance("one", "127.0.0.2")
    two = instances.instance("two", "127.0.0.3", one.port)
    proxy.put_workload("r_1", [(one.address, one.port)])
    proxy.start({})
    proxy.until_healthy("r_1", 1)

    proxy.put_endpoints("r_1", [(one.address, one.port), (two.address, two.port)])

    eventually(lambda: len(proxy.healthy("r_1")) == 2, "the second is healthy", SOON)


def test_an_endpoint_that_starts_late_is_healthy_soon_after(proxy: Proxy, instances: Upstreams) -> None:
    late = instances.instance("late")
    late.well = False
    proxy.put_workload("r_1", [(late.address, late.port)])
    proxy.start({"r_1": 100})
    eventually(lambda: not proxy.admin.health()[proxy.cluster("r_1")]["127.0.0.1"].pending, "it was asked")
    assert proxy.healthy("r_1") == set()

    late.well = True

    eventually(lambda: proxy.healthy("r_1") == {"127.0.0.1"}, "it is healthy", SOON)
    assert call(proxy.port).body == "late"


def test_a_removed_endpoint_loses_its_share_while_it_is_healthy(proxy: Proxy, instances: Upstreams) -> None:
    one = instances.instance("one", "127.0.0.2")
    two = instances.instance("two", "127.0.0.3", one.port)
    proxy.put_workload("r_1", [(one.address, one.port), (two.address, two.port)])
    proxy.start({"r_1": 100})
    proxy.until_healthy("r_1", 2)

    proxy.put_endpoints("r_1", [(one.address, one.port)])

    eventually(lambda: set(proxy.admin.health()[proxy.cluster("r_1")]) == {"127.0.0.2"}, "it is forgotten", SOON)
    assert set(tally(proxy.port, 100)) == {"one"}


def test_an_unhealthy_workload_gets_nothing_rather_than_panic(proxy: Proxy, instances: Upstreams) -> None:
    sick = instances.instance("sick")
    sick.well = False
    proxy.put_workload("r_1", [(sick.address, sick.port)])
    proxy.start({"r_1": 100})

    answer = call(proxy.port)

    assert answer.status == 503
    assert answer.json()["title"] == "no instance is healthy"
    assert sick.asked == 0


def test_an_instance_that_dies_leaves_its_share_to_the_others(proxy: Proxy, instances: Upstreams) -> None:
    one = instances.instance("one", "127.0.0.2")
    two = instances.instance("two", "127.0.0.3", one.port)
    proxy.put_workload("r_1", [(one.address, one.port), (two.address, two.port)])
    proxy.start({"r_1": 100})
    proxy.until_healthy("r_1", 2)

    two.stop()
    assert set(tally(proxy.port, 50)) == {"one"}, "a connection that is refused is tried elsewhere"
    eventually(lambda: proxy.healthy("r_1") == {"127.0.0.2"}, "it is known to be unhealthy")


def test_a_workload_without_a_health_path_is_healthy_while_it_listens(proxy: Proxy, instances: Upstreams) -> None:
    one = instances.instance("one")
    one.well = False
    proxy.put_workload("r_1", [(one.address, one.port)], health=None)
    proxy.start({"r_1": 100})
    proxy.until_healthy("r_1", 1)

    one.stop()

    eventually(lambda: proxy.healthy("r_1") == set(), "it is unhealthy once it is gone")
