"""The edge: a second Envoy that gives the host's loopback ports to the ecosystems' Unix sockets, opening nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twinstage.model.names import Ecosystem, Port, ServiceName
from twinstage.runtime.local.envoy.discovery import TYPES, response

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Door:
    """One frontend port of the host."""

    ecosystem: Ecosystem
    service: ServiceName
    port: Port
    socket: str
    """The Unix socket of the ecosystem's Envoy, as the edge sees it (108 bytes at most)."""

    @property
    def name(self) -> str:
        return f"{self.ecosystem}.{self.service}"


def listeners(doors: Iterable[Door], version: str | None = None) -> dict[str, Any]:
    """The edge's whole LDS file."""
    return response([_listener(door) for door in doors], version)


def clusters(doors: Iterable[Door], version: str | None = None) -> dict[str, Any]:
    """The edge's whole CDS file. Write it before the listeners."""
    return response([_cluster(door) for door in doors], version)


def _listener(door: Door) -> dict[str, Any]:
    passing = {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{TYPES}extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": door.name,
            "cluster": door.name,
            "idle_timeout": "3600s",
        },
    }
    return {
        "@type": f"{TYPES}config.listener.v3.Listener",
        "name": door.name,
        "address": {"socket_address": {"address": HOST, "port_value": door.port}},
        # Shared, two companies of one user could both have a port, and the kernel would deal their requests out at random.
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [passing]}],
    }


def _cluster(door: Door) -> dict[str, Any]:
    """The PROXY protocol carries the client's address over the Unix socket, which has none of its own."""
    raw = {
        "name": "envoy.transport_sockets.raw_buffer",
        "typed_config": {"@type": f"{TYPES}extensions.transport_sockets.raw_buffer.v3.RawBuffer"},
    }
    return {
        "@type": f"{TYPES}config.cluster.v3.Cluster",
        "name": door.name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [{"max_connections": 8192, "max_pending_requests": 8192}]},
        "load_assignment": {
            "cluster_name": door.name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": door.socket}}}}]}],
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.upstream_proxy_protocol",
            "typed_config": {
                "@type": f"{TYPES}extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
                "config": {"version": "V2"},
                "transport_socket": raw,
            },
        },
    }
