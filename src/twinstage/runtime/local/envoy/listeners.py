"""LDS: each service's frontend, once for instances (callers checked) and once for the edge (a Unix socket)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twinstage.model.names import Ecosystem, Port, ServiceName
from twinstage.runtime.local.envoy import access, passing, problems
from twinstage.runtime.local.envoy.bootstrap import CONNECTIONS, SOCKET_MODE
from twinstage.runtime.local.envoy.discovery import TYPES, Resource, response, source
from twinstage.runtime.local.envoy.routes import CALLERS

HCM = "envoy.filters.network.http_connection_manager"


@dataclass(frozen=True, kw_only=True)
class House:
    """What the listeners of one ecosystem share; every path as Envoy sees it."""

    ecosystem: Ecosystem
    gateway: str
    """The address that instances reach frontends at."""
    edge_dir: str
    """Where the sockets for the edge are made: ``<service>.sock``."""
    access_log: str
    most: int = CONNECTIONS // 2
    """Connections of all instances to one frontend: who never closes any must not take the last one of the whole proxy."""


def listeners(
    house: House,
    frontends: Iterable[tuple[ServiceName, Port]],
    version: str | None = None,
    others: Iterable[Resource] = (),
) -> dict[str, Any]:
    """The whole LDS file: two listeners for each (service, frontend port), and those that are no service's."""
    both: list[Resource] = [
        *others,
        *(
            listener
            for service, port in frontends
            for listener in (instance_listener(house, service, port), edge_listener(house, service))
        ),
    ]
    return response(both, version)


def instance_listener(house: House, service: ServiceName, port: Port) -> dict[str, Any]:
    """The frontend that instances call. Nobody is admitted unless the service's route says who."""
    nobody = {
        "name": CALLERS,
        "typed_config": {
            "@type": f"{TYPES}extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {}},
        },
    }
    return {
        "@type": f"{TYPES}config.listener.v3.Listener",
        "name": f"{service} from instances",
        "address": {"socket_address": {"address": house.gateway, "port_value": port}},
        # The gateway's address may come a moment after Envoy; without this the whole listener would be refused.
        "freebind": True,
        "filter_chains": [
            {"filters": [passing.bound(f"{service}.", house.most), _http(house, service, [nobody], people=False)]}
        ],
    }


def edge_listener(house: House, service: ServiceName) -> dict[str, Any]:
    """The same frontend for the edge. A Unix socket has no caller to check, so it is mounted in no instance."""
    proxied = {
        "name": "envoy.filters.listener.proxy_protocol",
        "typed_config": {"@type": f"{TYPES}extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"},
    }
    return {
        "@type": f"{TYPES}config.listener.v3.Listener",
        "name": f"{service} from the edge",
        "address": {"pipe": {"path": edge_socket(house.edge_dir, service), "mode": SOCKET_MODE}},
        "listener_filters": [proxied],
        "filter_chains": [{"filters": [_http(house, service, [], people=True)]}],
    }


def edge_socket(edge_dir: str, service: ServiceName) -> str:
    """The path of a service's Unix socket for the edge, in that directory as the one who asks sees it."""
    return f"{edge_dir}/{service}.sock"


def _http(house: House, service: ServiceName, filters: list[dict[str, Any]], *, people: bool) -> dict[str, Any]:
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": f"{TYPES}extensions.filters.http.router.v3.Router",
            # The company's programs see the same headers whether or not a proxy is between them.
            "suppress_envoy_headers": True,
        },
    }
    return {
        "name": HCM,
        "typed_config": {
            "@type": f"{TYPES}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": service,
            "codec_type": "AUTO",
            "rds": {"route_config_name": service, "config_source": source()},
            "http_filters": [*filters, router],
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "access_log": [access.log(house.access_log, service, "edge" if people else "instance")],
            "local_reply_config": problems.local_replies(service, house.ecosystem),
            "server_header_transformation": "PASS_THROUGH",
            "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": service},
            "http2_protocol_options": {"max_concurrent_streams": 128},
            "request_headers_timeout": "10s",
            "stream_idle_timeout": "300s",
            "common_http_protocol_options": {"idle_timeout": "3600s"},
            **_forwarding(people),
        },
    }


def _forwarding(people: bool) -> dict[str, Any]:
    """From the edge, the client's own address is added to X-Forwarded-For; between services what came is passed on.

    Headers that steer Envoy (``x-envoy-*``: more tries, other time-outs, statistics of another name) are taken away before
    it reads them, from whomever they come. It would obey those whose address is internal to it, and it believes the first
    address in X-Forwarded-For, which between services anybody writes; so none is internal either, which is what leaving
    ``internal_address_config`` out says. One that names no range says the opposite: each private address, and loopback.
    """
    steering = {
        "@type": f"{TYPES}extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        "mutations": [{"remove_on_match": {"key_matcher": {"prefix": "x-envoy-", "ignore_case": True}}}],
    }
    return {
        "use_remote_address": people,
        "skip_xff_append": not people,
        "early_header_mutation_extensions": [{"name": "steering", "typed_config": steering}],
        "generate_request_id": True,
        "preserve_external_request_id": True,
    }
