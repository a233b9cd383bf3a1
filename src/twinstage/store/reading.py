"""Rows as nouns. What is stored never changes under the same text, so the same text is decoded once."""

from functools import lru_cache
from typing import Any, TypeVar, cast

from twinstage.model.encoding import loads

T = TypeVar("T")


def read(kind: type[T], body: str) -> T:
    """The noun that a row's ``body`` holds. Shared by whoever reads it: nouns are frozen."""
    return cast(T, _decoded(cast(Any, kind), body))


@lru_cache(maxsize=65536)  # a company of ten thousand services reads two rows of each at every decision
def _decoded(kind: type[Any], body: str) -> Any:
    return loads(kind, body)
