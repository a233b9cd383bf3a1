"""A change is believed when the proxy shows its version, and a refusal is seen."""

import json
from pathlib import Path

import pytest
from envoy_rig import ORDERS, Proxy, call, eventually, free_port, name

from twinstage.model.names import Port, ServiceName
from twinstage.runtime.local.envoy import routes
from twinstage.runtime.local.envoy.admin import Admin, ProxyUnavailable
from twinstage.runtime.local.envoy.discovery import write
from twinstage.runtime.local.envoy.listeners import listeners


def test_a_version_is_accepted_only_after_the_rename(live: Proxy) -> None:
    document = routes.route(live.route({}, {}), name, (), "v-next")
    place = live.process.xds / "rds" / f"{ORDERS}.json"
    draft = place.with_name(".draft")
    draft.write_text(json.dumps(document))
    # Another file's change is seen after the draft was written, so the draft would have been seen as well.
    live.put_workload("r_1", [])
    empty = json.loads((live.process.xds / "eds" / f"{live.cluster('r_1')}.json").read_text())["version_info"]
    eventually(lambda: live.admin.figures().versions.endpoints[live.cluster("r_1")] == empty, "endpoints are seen")
    assert live.admin.figures().versions.routes[ORDERS] == "v1"

    draft.replace(place)

    live.routed("v-next")


def test_every_kind_of_file_shows_its_version(live: Proxy) -> None:
    versions = live.admin.figures().versions

    def written(path: Path) -> str:
        return str(json.loads(path.read_text())["version_info"])

    xds = live.process.xds
    cluster = live.cluster("r_1")
    assert versions.listeners == written(xds / "lds.json")
    assert versions.clusters == written(xds / "cds.json")
    assert versions.routes == {ORDERS: "v1"}
    assert versions.endpoints == {cluster: written(xds / "eds" / f"{cluster}.json")}
    assert versions.refused == {}


def test_a_refused_route_is_reported_and_the_old_one_stays(live: Proxy) -> None:
    place = live.process.xds / "rds" / f"{ORDERS}.json"
    document = routes.route(live.route({"r_1": 100}, {}), name, (), "v-bad")
    document["resources"][0]["virtual_hosts"][0]["domains"] = []
    draft = place.with_name(".draft")
    draft.write_text(json.dumps(document))
    draft.replace(place)

    eventually(lambda: live.admin.figures().versions.refused.keys() == {"route orders"}, "the refusal is reported")
    assert live.admin.figures().versions.routes[ORDERS] == "v1"
    assert call(live.port).body == "one"


def test_an_unreadable_file_is_not_taken_and_told_of(live: Proxy) -> None:
    place = live.process.xds / "cds.json"
    before = live.admin.figures().versions
    draft = place.with_name(".draft")
    draft.write_text(place.read_text()[:-20])
    draft.replace(place)

    eventually(lambda: f"cannot read {place}" in live.process.log.read_text(), "the trouble is told")
    assert live.admin.figures().versions == before
    assert call(live.port).body == "one"


def test_the_epoch_changes_when_the_proxy_restarts(live: Proxy) -> None:
    before = live.admin.figures()
    assert live.admin.epoch() == before.epoch

    live.process.stop()
    live.process.start()

    assert live.admin.figures().epoch != before.epoch
    live.routed("v1")
    live.until_healthy("r_1", 1)
    assert call(live.port).body == "one"


def test_a_proxy_that_is_gone_is_unavailable(live: Proxy, directory: Path) -> None:
    live.process.stop()
    with Admin(live.process.socket) as left:
        assert not left.ready()
        with pytest.raises(ProxyUnavailable, match="cannot ask the proxy at"):
            left.figures()
        with pytest.raises(ProxyUnavailable):
            left.health()
    with Admin(directory / "never.sock") as never, pytest.raises(ProxyUnavailable):
        never.epoch()


def test_a_service_is_added_without_touching_the_others(live: Proxy) -> None:
    port = free_port()
    document = routes.route(live.route({"r_1": 100}, {}), name, ("127.0.0.0/8",), "p1")
    document["resources"][0]["name"] = "payments"
    write(live.process.xds / "rds" / "payments.json", document)
    frontends = [(ORDERS, Port(live.port)), (ServiceName("payments"), Port(port))]
    write(live.process.xds / "lds.json", listeners(live.house, frontends))

    eventually(lambda: live.admin.figures().versions.routes == {"orders": "v1", "payments": "p1"}, "both routes")
    assert call(port).body == "one"
    assert call(live.port).body == "one"
