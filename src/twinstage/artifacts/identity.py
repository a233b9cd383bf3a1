"""Digests of what a release is made of. The same in every process and on every machine: canonical JSON, sha256."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

import rfc8785

from twinstage.model.names import Digest, ReleaseId, ServiceName
from twinstage.model.release import Definition


def release_id(commit: str, artifact: Digest, definition: Definition) -> ReleaseId:
    """``r_`` and 12 hex digits over commit, artifact digest and definition."""
    return ReleaseId("r_" + _sha256({"commit": commit, "artifact": artifact, "definition": definition})[:12])


def input_hash(service: ServiceName, tree: str, path: str, build: str | None, toolchain: str) -> str:
    """32 hex digits over everything that a build is made from: the same inputs are built once.

    The service is one of them: two that happen to hold the same files must not build at one place at one time.
    """
    made_from = {"service": service, "tree": tree, "path": path, "build": build, "toolchain": toolchain}
    return _sha256(made_from)[:32]


def _sha256(value: Any) -> str:
    return hashlib.sha256(rfc8785.dumps(plain(value))).hexdigest()


def plain(value: Any) -> Any:
    """A noun as JSON values: dataclasses become objects, durations milliseconds. Raises TypeError for what has no form."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, timedelta):
        return value // timedelta(milliseconds=1)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"cannot make canonical JSON of {type(value).__name__}")
