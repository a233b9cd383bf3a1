"""The model's frozen dataclasses to JSON and back, driven by their type hints.

One function each way, so a new field is stored without another line here. Times are ISO 8601 in UTC, durations are
seconds, enums are their values, bytes are base64; tuples and frozensets are lists. A field that is missing from stored
JSON takes its default, so an older row can be read after a field was added.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def dumps(value: object) -> str:
    """Compact JSON with sorted keys: equal values give equal text."""
    return json.dumps(encode(value), separators=(",", ":"), sort_keys=True)


def loads(kind: type[T], text: str | bytes) -> T:
    """Raises ValueError, TypeError or KeyError where the text is not that kind."""
    return cast(T, decode(kind, json.loads(text)))


def encode(value: object) -> Any:
    """Plain lists, dicts, strings, numbers."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if is_dataclass(value):
        return {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(encode(k)): encode(v) for k, v in value.items()}
    if isinstance(value, frozenset):
        return sorted((encode(v) for v in value), key=str)
    if isinstance(value, tuple | list):
        return [encode(v) for v in value]
    return _encode_scalar(value)


def _encode_scalar(value: object) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"cannot store the time {value}: it has no time zone")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"cannot store a {type(value).__name__}")


def decode(kind: Any, data: Any) -> Any:
    """The inverse of encode, for the type (hint) ``kind``."""
    if isinstance(kind, NewType):
        return decode(kind.__supertype__, data)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _decode_union(get_args(kind), data)
    if origin is not None:
        return _decode_collection(origin, get_args(kind), data)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: decode(hints[name], item) for name, item in data.items() if name in hints})
    return _decode_scalar(kind, data)


def _decode_collection(origin: Any, args: tuple[Any, ...], data: Any) -> Any:
    if origin is frozenset:
        return frozenset(decode(args[0], item) for item in data)
    if origin in (tuple, list):
        if origin is list or (len(args) == 2 and args[1] is Ellipsis):
            return origin(decode(args[0], item) for item in data)
        return tuple(decode(arg, item) for arg, item in zip(args, data, strict=True))
    return {decode(args[0], key): decode(args[1], item) for key, item in data.items()}


def _decode_union(members: tuple[Any, ...], data: Any) -> Any:
    if data is None and NoneType in members:
        return None
    rest = [m for m in members if m is not NoneType]
    if isinstance(data, dict):
        rest = [m for m in rest if is_dataclass(m) or get_origin(m) is not None]
    elif len(rest) > 1:
        rest = [m for m in rest if not is_dataclass(m)]
        exact = [m for m in rest if m is type(data)]
        rest = exact or rest
    return decode(rest[0], data)


def _decode_scalar(kind: Any, data: Any) -> Any:
    if kind is Any:
        return data
    if issubclass(kind, Enum):
        return kind(data)
    if kind is datetime:
        return datetime.fromisoformat(data)
    if kind is timedelta:
        return timedelta(seconds=data)
    if kind is bytes:
        return base64.b64decode(data)
    if kind is float and isinstance(data, int | float):
        return float(data)
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise TypeError(f"expected {kind.__name__}, found {data!r}")
    return data


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
