"""The envelope of every xDS file, its version, and how it reaches the disk."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from twinstage.runtime.local import files

Resource = Mapping[str, Any]
TYPES = "type.googleapis.com/envoy."


def version(resources: Iterable[Resource]) -> str:
    """A version named after the content (16 hex digits), for files whose versions nobody has to choose."""
    text = json.dumps(list(resources), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def response(resources: Iterable[Resource], version_info: str | None = None) -> dict[str, Any]:
    """A DiscoveryResponse holding the whole set, sorted by name. Without a version the content names itself."""
    whole = sorted(resources, key=lambda r: str(r.get("name") or r.get("cluster_name")))
    return {"version_info": version_info or version(whole), "resources": whole}


SERVER = "discovery"
"""The cluster of the server that reads the files to Envoy: the only one that its bootstrap names."""


def source() -> dict[str, Any]:
    """A config source that asks the discovery server, which answers when there is something new (inside/discovery.py).

    The delay is what Envoy waits between an answer and its next question, and twice that at most after a refusal.
    """
    asking = {
        "api_type": "REST",
        "transport_api_version": "V3",
        "cluster_names": [SERVER],
        "refresh_delay": "0.02s",
        "request_timeout": "60s",
    }
    return {"api_config_source": asking, "initial_fetch_timeout": "5s", "resource_api_version": "V3"}


def followed(path: str) -> dict[str, Any]:
    """A config source that is one file, which Envoy follows itself: an inotify instance each, so for few files only.

    Without ``watched_directory`` Envoy watches the file's directory for renames onto this very name; with it, each
    rename in the directory would make every subscription there read its file again.
    """
    return {"path_config_source": {"path": path}, "initial_fetch_timeout": "2s", "resource_api_version": "V3"}


def server(socket: str) -> dict[str, Any]:
    """The discovery server's cluster: a question waits at it for each set that Envoy has."""
    many = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    return {
        "name": SERVER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [many]},
        "load_assignment": {
            "cluster_name": SERVER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": socket}}}}]}],
        },
    }


def write(path: Path, document: Mapping[str, Any]) -> bool:
    """Writes the document whole and renames it into place. False when the file already says so and was left alone.

    It need not outlive a loss of power: whoever takes over writes all of them again. The directory must never be replaced:
    who follows it watches its inode, also through a read-only bind mount.
    """
    return files.write(path, json.dumps(document, indent=1, sort_keys=True) + "\n", 0o644, durable=False)
