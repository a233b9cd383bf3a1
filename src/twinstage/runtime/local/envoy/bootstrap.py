"""What Envoy starts with: its admin socket, where its files are, and its limits. Everything else comes by xDS."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinstage.runtime.local.envoy.discovery import TYPES, Resource, followed, server, source
from twinstage.runtime.local.envoy.statistics import BOUNDS

SOCKET_MODE = 0o660
CONNECTIONS = 4000


def descriptors(connections: int = CONNECTIONS) -> int:
    """The RLIMIT_NOFILE that a bound of so many downstream connections takes.

    Envoy aborts when it runs out of descriptors, so the bound must be reached first: two for each connection (itself
    and its upstream) and one spare upstream, plus a thousand for files, watches, workers and health checks.
    """
    return 3 * connections + 1000


def bootstrap(
    *,
    node: str,
    admin_socket: str,
    sources: Mapping[str, Resource],
    concurrency: int,
    clusters: Sequence[Resource] = (),
    connections: int = CONNECTIONS,
) -> dict[str, Any]:
    """Envoy's bootstrap. ``sources``: where ``lds_config`` and ``cds_config`` come from; paths as Envoy sees them.

    ``node`` names this Envoy in its own reports; ``clusters`` are there from the start; ``concurrency`` is the number of
    workers that ``command`` is told too; ``connections`` bounds downstream connections: see ``descriptors``.
    """
    return {
        "node": {"id": node, "cluster": node, "metadata": {"workers": concurrency}},
        "admin": {
            "address": {"pipe": {"path": admin_socket, "mode": SOCKET_MODE}},
            "ignore_global_conn_limit": True,
        },
        "static_resources": {"clusters": list(clusters)},
        "dynamic_resources": dict(sources),
        "stats_flush_interval": "1s",
        # Tags are for sinks that we do not have; without them names are kept as they are and cost less.
        "stats_config": {
            "use_all_default_tags": False,
            "histogram_bucket_settings": [{"match": {"suffix": "upstream_rq_time"}, "buckets": list(BOUNDS)}],
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": TYPES
                        + "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": connections,
                    },
                }
            ]
        },
    }


def asking(socket: str) -> dict[str, Any]:
    """``sources`` and ``clusters`` for an Envoy that asks the discovery server at this socket for everything."""
    return {"sources": dict.fromkeys(("lds_config", "cds_config"), source()), "clusters": [server(socket)]}


def following(directory: str) -> dict[str, Any]:
    """``sources`` for an Envoy that follows ``lds.json`` and ``cds.json`` in this directory."""
    return {"sources": {f"{kind}_config": followed(f"{directory}/{kind}.json") for kind in ("lds", "cds")}}


def command(
    binary: Path, bootstrap_path: Path, *, concurrency: int, flush_milliseconds: int = 1000, level: str = "warn"
) -> list[str]:
    """The argument list. Without ``--disable-hot-restart`` two Envoys of different users collide in shared memory."""
    arguments: Sequence[str] = (
        "--config-path",
        str(bootstrap_path),
        "--disable-hot-restart",
        # A misspelt field would otherwise be a warning, and the file in force without it.
        "--reject-unknown-dynamic-fields",
        "--concurrency",
        str(concurrency),
        "-l",
        level,
        "--drain-time-s",
        "10",
        "--file-flush-interval-msec",
        str(flush_milliseconds),
    )
    return [str(binary), *arguments]
