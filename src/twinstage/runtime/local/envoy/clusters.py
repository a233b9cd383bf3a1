"""CDS: one cluster per workload, and how its instances' health is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twinstage.runtime.local.envoy.discovery import TYPES, Resource, response, source


@dataclass(frozen=True, kw_only=True, order=True)
class Target:
    """One workload as Envoy knows it."""

    name: str
    """The cluster's, chosen by the caller; also that of its endpoints' file. Dots are kept in statistics."""
    health: str | None
    """The path to ask; None: the port answers a connection."""


def clusters(targets: Iterable[Target], version: str | None = None, others: Iterable[Resource] = ()) -> dict[str, Any]:
    """The whole CDS file. Each target's endpoints are a set of their own. ``others``: clusters that are no workload's."""
    return response([*(cluster(target) for target in targets), *others], version)


def cluster(target: Target) -> dict[str, Any]:
    """One workload's cluster."""
    return {
        "@type": f"{TYPES}config.cluster.v3.Cluster",
        "name": target.name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source()},
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "common_lb_config": {
            # In panic Envoy would route to instances it knows to be unhealthy.
            "healthy_panic_threshold": {"value": 0},
            # By default changes of health wait up to a second for more of them before they reach the workers, while the
            # admin interface already shows them: a share given to a "healthy" workload would be answered 503.
            "update_merge_window": "0s",
        },
        # Otherwise a removed instance keeps its share for as long as it answers its health check.
        "ignore_health_on_host_removal": True,
        "health_checks": [health_check(target.health)],
        "circuit_breakers": {"thresholds": [_threshold("DEFAULT"), _threshold("HIGH")]},
        "upstream_connection_options": {"tcp_keepalive": {}},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPES}extensions.upstreams.http.v3.HttpProtocolOptions",
                # Shorter than the keep-alive of common servers (gunicorn's 2 s, uvicorn's and node's 5 s): an instance
                # that closes a connection just when a request is put on it costs that request.
                "common_http_protocol_options": {"idle_timeout": "1s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def health_check(path: str | None) -> dict[str, Any]:
    """Asked each second while it is well, ten times a second until it first is, four times when it is not any more; one good
    answer makes it healthy."""
    check: dict[str, Any] = {
        "timeout": "1s",
        "interval": "1s",
        # Envoy's own default for a cluster without traffic is 60 s, which every new workload would wait.
        # It is also what follows the first answer of a program that does not listen yet: a release waits for this.
        "no_traffic_interval": "0.1s",
        "no_traffic_healthy_interval": "1s",
        "unhealthy_interval": "0.25s",
        "unhealthy_edge_interval": "0.25s",
        "healthy_edge_interval": "1s",
        "healthy_threshold": 1,
        "unhealthy_threshold": 2,
        # A held connection would occupy the only worker of a server that serves one connection at a time.
        "reuse_connection": False,
    }
    if path is None:
        return check | {"tcp_health_check": {}}
    return check | {"http_health_check": {"path": path}}


def _threshold(priority: str) -> dict[str, Any]:
    """Bounds that protect this machine's descriptors, not the instances: shedding load is the service's business."""
    return {
        "priority": priority,
        "max_connections": 4096,
        "max_pending_requests": 4096,
        "max_requests": 8192,
        "max_retries": 256,
    }
