"""The edge: host ports, passed unopened to Unix sockets of the ecosystems."""

import select
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from envoy_rig import CONNECTIONS, ORDERS, Process, Proxy, call, eventually, free_port
from envoy_upstream import Instance

from twinstage.model.names import Ecosystem, Port
from twinstage.runtime.local.envoy import edge
from twinstage.runtime.local.envoy.discovery import write
from twinstage.runtime.local.envoy.listeners import edge_socket


def put(process: Process, doors: Iterable[edge.Door]) -> None:
    whole = list(doors)
    write(process.xds / "cds.json", edge.clusters(whole))
    write(process.xds / "lds.json", edge.listeners(whole))


def door(proxy: Proxy) -> edge.Door:
    socket = edge_socket(proxy.house.edge_dir, ORDERS)
    return edge.Door(ecosystem=proxy.ecosystem, service=ORDERS, port=Port(free_port()), socket=socket)


@pytest.fixture
def one(proxy: Proxy, one: Instance) -> Instance:
    # Nobody among the instances may call: the edge does not ask.
    proxy.routed(proxy.put_route({"r_1": 100}, admits=()))
    return one


def test_a_client_of_the_host_reaches_the_frontend(
    proxy: Proxy, one: Instance, process: Callable[[str], Process]
) -> None:
    outer = process("outer")
    way = door(proxy)
    put(outer, [way])
    outer.start()

    answer = call(way.port, "/hello", source="127.0.9.9", headers={"x-envoy-retry-on": "5xx"})

    assert answer.body == "one"
    assert call(proxy.port).status == 403, "the instances' listener still asks"
    eventually(lambda: len(proxy.log_lines()) == 2, "both are logged")
    line = next(line for line in proxy.log_lines() if line["path"] == "/hello")
    assert line["caller"].startswith("127.0.9.9:")
    assert (line["side"], line["status"], line["cluster"]) == ("edge", 200, proxy.cluster("r_1"))
    assert one.headers["x-forwarded-for"] == "127.0.9.9"
    assert one.headers["x-request-id"] == line["id"]
    assert "x-envoy-retry-on" not in one.headers, "what would steer the proxy is taken away"


def test_services_are_added_without_a_restart(proxy: Proxy, one: Instance, process: Callable[[str], Process]) -> None:
    outer = process("outer")
    put(outer, [])
    outer.start()
    epoch = outer.admin.epoch()
    way = door(proxy)

    put(outer, [way])

    eventually(lambda: outer.admin.figures().versions.listeners == edge.listeners([way])["version_info"], "in force")
    assert call(way.port).body == "one"
    assert outer.admin.epoch() == epoch


def test_an_ecosystem_that_is_down_closes_the_connection(
    proxy: Proxy, one: Instance, process: Callable[[str], Process]
) -> None:
    outer = process("outer")
    way = door(proxy)
    put(outer, [way])
    outer.start()
    proxy.process.stop()

    with pytest.raises(ConnectionError):
        call(way.port)

    proxy.process.start()
    proxy.until_healthy("r_1", 1)
    assert call(way.port).body == "one"


def test_instances_that_never_close_connections_keep_no_client_out(
    proxy: Proxy, one: Instance, process: Callable[[str], Process]
) -> None:
    """The proxy takes so many and no more: without a bound of their own, those of one caller would be all of them."""
    outer = process("outer")
    way = door(proxy)
    put(outer, [way])
    outer.start()
    eventually(lambda: call(way.port).body == "one", "the way is open")
    held = [socket.create_connection(("127.0.0.1", proxy.port), 10) for _ in range(CONNECTIONS + 50)]
    try:
        eventually(lambda: closed(held) >= CONNECTIONS // 2 + 50, "those beyond the bound are closed")
        assert call(way.port).body == "one"
    finally:
        for each in held:
            each.close()
    eventually(lambda: call(proxy.port).status == 403, "and then there is room again")


def closed(held: Iterable[socket.socket]) -> int:
    """How many of them the other side has closed."""
    ready = select.poll()
    for each in held:
        ready.register(each, select.POLLIN)
    return len(ready.poll(0))


def test_the_sockets_are_for_owner_and_group(proxy: Proxy, one: Instance) -> None:
    for path in (Path(edge_socket(proxy.house.edge_dir, ORDERS)), proxy.process.socket):
        assert path.stat().st_mode & 0o777 == 0o660


def test_doors_of_both_ecosystems_have_names_of_their_own() -> None:
    doors = [
        edge.Door(ecosystem=ecosystem, service=ORDERS, port=Port(port), socket=f"/x/{ecosystem}.sock")
        for ecosystem, port in ((Ecosystem.STAGING, 14000), (Ecosystem.PRODUCTION, 10000))
    ]

    names = [resource["name"] for resource in edge.listeners(doors)["resources"]]

    assert names == ["production.orders", "staging.orders"]
