"""EDS: where the instances of one workload listen."""

from collections.abc import Iterable
from typing import Any

from twinstage.model.names import Port
from twinstage.runtime.local.envoy.discovery import TYPES, response


def endpoints(name: str, addresses: Iterable[str], port: Port, version: str | None = None) -> dict[str, Any]:
    """The whole file of one workload: ``name`` is its cluster's, ``addresses`` its instances' IPv4 addresses."""
    return response([assignment(name, [(address, port) for address in addresses])], version)


def assignment(name: str, hosts: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """The assignment of (address, port) pairs to one cluster, sorted."""
    places = [
        {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
        for address, port in sorted(hosts)
    ]
    return {
        "@type": f"{TYPES}config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": places}] if places else [],
    }
