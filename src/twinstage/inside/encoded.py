"""Bodies of nftables messages, encoded by pyroute2 once each: a rule takes it a millisecond, and wires share most of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_HEADER_BYTES = 16
_KEPT = 4096


@dataclass(frozen=True, kw_only=True)
class Content:
    """A message's family and attributes, as pyroute2 takes them. Two are the same whose ``text`` is."""

    message: type[Any]
    family: int
    text: str
    attributes: Sequence[tuple[str, Any]] = field(compare=False)


@lru_cache(maxsize=_KEPT)
def _body(content: Content) -> bytes:
    message = content.message()
    message["nfgen_family"] = content.family
    message["attrs"] = [list(pair) for pair in content.attributes]
    message.encode()
    return bytes(message.data[_HEADER_BYTES:])


def body(message: type[Any], family: int, attributes: Sequence[tuple[str, Any]]) -> bytes:
    """What follows the netlink header."""
    return _body(Content(message=message, family=family, text=repr(attributes), attributes=attributes))
