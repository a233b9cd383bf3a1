"""A port that the proxy passes on unopened, for declared callers alone.

Who may call is a set of its own (ECDS): were it part of the listener, each change of callers would drain the connections
that are there, and pools of connections live for days.
"""

from collections.abc import Sequence
from typing import Any

from twinstage.runtime.local.envoy.discovery import TYPES, response, source
from twinstage.runtime.local.envoy.routes import admitted

_RBAC = f"{TYPES}extensions.filters.network.rbac.v3.RBAC"


def listener(name: str, address: str, port: int, *, idle: str) -> dict[str, Any]:
    """Leads to the cluster of the same name. Nobody comes in before its `callers` are there.

    ``idle``: after how long without a byte a connection is closed; "0s": never.
    """
    passing = {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{TYPES}extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": name,
            "cluster": name,
            "idle_timeout": idle,
        },
    }
    return {
        "@type": f"{TYPES}config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        "freebind": True,
        "filter_chains": [
            {
                "filters": [
                    {"name": name, "config_discovery": {"config_source": source(), "type_urls": [_RBAC]}},
                    passing,
                ]
            }
        ],
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
