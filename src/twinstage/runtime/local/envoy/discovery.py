"""The envelope of every xDS file, its version, and how it reaches the disk."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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


def source(path: str) -> dict[str, Any]:
    """A config source reading this one file.

    Without ``watched_directory`` Envoy watches the file's directory for renames onto this very name; with it, each
    rename in the directory would make every subscription there read its file again.
    """
    return {"path_config_source": {"path": path}, "initial_fetch_timeout": "2s", "resource_api_version": "V3"}


def write(path: Path, document: Mapping[str, Any], *, mode: int = 0o644) -> bool:
    """Writes the document whole and renames it into place. False when the file already says so and was left alone.

    The directory must never be replaced: Envoy watches its inode, also through a read-only bind mount.
    """
    data = json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
    if path.is_file() and path.read_bytes() == data:
        return False
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
