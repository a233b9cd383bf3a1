"""The access log: one JSON object a line, one file per ecosystem."""

from typing import Any

from twinstage.runtime.local.envoy.discovery import TYPES


def log(path: str, service: str, side: str) -> dict[str, Any]:
    """An access log of one listener; ``side`` says where its callers are: ``instance`` or ``edge``.

    Members: at, service, side, method, path, status, flags (Envoy's, ``-`` when it has nothing to add), details, ms,
    cluster, upstream, caller, lane (the one the request was routed by, or null), id. Each costs every request. What the
    caller words is cut: a line must not be as long as its headers may be.
    """
    members = {
        "at": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "service": service,
        "side": side,
        "method": "%REQ(:METHOD):32%",
        "path": "%REQ(:PATH):512%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "ms": "%DURATION%",
        "cluster": "%UPSTREAM_CLUSTER_RAW%",
        "upstream": "%UPSTREAM_HOST%",
        "caller": "%DOWNSTREAM_REMOTE_ADDRESS%",
        "lane": "%METADATA(ROUTE:twinstage:lane)%",
        "id": "%REQ(X-REQUEST-ID):128%",
    }
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{TYPES}extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"json_format": members},
        },
    }
