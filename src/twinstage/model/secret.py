"""That a service has a secret, never what it is: values are in the vault alone, and pass through nothing that is kept."""

from dataclasses import dataclass
from datetime import datetime

LONGEST = 64 << 10
"""Bytes of one value at most."""


def value_of(given: bytes) -> str:
    """What a program's environment can hold. Raises ValueError, in words that have nothing of it."""
    if not given:
        raise ValueError("there is no value; to take a secret away, remove it")
    if len(given) > LONGEST:
        raise ValueError(f"the value is longer than {LONGEST >> 10} KiB")
    if b"\0" in given:
        raise ValueError("the value has a NUL in it, which no environment can hold; encode it, as base64 for example")
    try:
        return given.decode()
    except UnicodeDecodeError:
        raise ValueError("the value is no UTF-8 text; encode it, as base64 for example") from None


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One name of one service in one ecosystem."""

    name: str
    """As the environment of its instances has it: ``PAYMENT_KEY``."""
    version: int
    """How often it was set there: 1 for the first time."""
    at: datetime
    by: str
