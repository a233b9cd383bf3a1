"""A port that the proxy passes on unopened, for declared callers alone.

Who may call is a set of its own (ECDS): were it part of the listener, each change of callers would drain the connections
that are there, and pools of connections live for days.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Any

from twinstage.runtime.local.envoy.discovery import TYPES, response, source
from twinstage.runtime.local.envoy.routes import admitted

_RBAC = f"{TYPES}extensions.filters.network.rbac.v3.RBAC"


def listener(
    name: str, address: str, port: int, *, idle: str, apart: Sequence[str] = (), most: int | None = None
) -> dict[str, Any]:
    """Leads to the cluster of the same name. Nobody comes in before its `callers` are there.

    ``idle``: after how long without a byte a connection is closed; "0s": never. ``most``: how many connections each of the
    ranges ``apart`` may have at once, and all others together. A range that comes or goes leaves the others' connections be:
    Envoy drains those of chains that changed, as long as nothing but chains did.
    """
    ranges = sorted({IPv4Network(span) for span in apart})
    chains = [
        {
            "name": str(network),
            "filter_chain_match": {
                "source_prefix_ranges": [
                    {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}
                ]
            },
            "filters": _filters(name, idle, most, str(network)),
        }
        for network in ranges
    ]
    return {
        "@type": f"{TYPES}config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        "freebind": True,
        "filter_chains": chains,
        # Also of one whose own chain is not there yet: who is admitted is said elsewhere, and must not wait for it.
        "default_filter_chain": {"name": "others", "filters": _filters(name, idle, most, "others")},
    }


def _filters(name: str, idle: str, most: int | None, whose: str) -> list[dict[str, Any]]:
    passing = {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{TYPES}extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": name,
            "cluster": name,
            "idle_timeout": idle,
        },
    }
    admission = {"name": name, "config_discovery": {"config_source": source(), "type_urls": [_RBAC]}}
    return [*([bound(f"{name}.{whose}", most)] if most else []), admission, passing]


def bound(name: str, most: int) -> dict[str, Any]:
    """A filter that closes connections beyond so many of its chain. ``name`` is that of its statistics."""
    return {
        "name": "envoy.filters.network.connection_limit",
        "typed_config": {
            "@type": f"{TYPES}extensions.filters.network.connection_limit.v3.ConnectionLimit",
            "stat_prefix": name,
            "max_connections": most,
        },
    }


def callers(name: str, admits: Sequence[str]) -> dict[str, Any]:
    """The whole file: whose connections are let in, by the address they really come from. No ranges: nobody."""
    rules = {"action": "ALLOW", "policies": admitted(admits)}
    return response(
        [
            {
                "@type": f"{TYPES}config.core.v3.TypedExtensionConfig",
                "name": name,
                "typed_config": {"@type": _RBAC, "stat_prefix": f"{name}.", "rules": rules},
            }
        ]
    )


def cluster(name: str, address: dict[str, Any]) -> dict[str, Any]:
    """One place, as Envoy writes addresses: ``{"socket_address": ...}`` or ``{"pipe": ...}``."""
    return {
        "@type": f"{TYPES}config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {"thresholds": [{"max_connections": 4096, "max_pending_requests": 4096}]},
    }
