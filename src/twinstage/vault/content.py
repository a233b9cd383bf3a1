"""What one ecosystem's vault holds, and its sealing: AES-256-GCM over JSON, bound to the ecosystem's name."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twinstage.model.encoding import decode, encode
from twinstage.model.names import ServiceName
from twinstage.vault.trouble import Unreadable

_MARK = b"twinstage vault 1\n"
_NONCE = 12

Values = Mapping[str, str]
"""Name -> value."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A value that a person gave and the controller has not taken yet."""

    service: ServiceName
    name: str
    value: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Content:
    services: Mapping[ServiceName, Mapping[int, Values]] = field(default_factory=dict, repr=False)
    """Service -> number of its secrets -> all of them."""
    offers: Mapping[str, Offer] = field(default_factory=dict, repr=False)
    """By the intent that is to take them."""


def seal(content: Content, key: bytes, ecosystem: str) -> bytes:
    """A new nonce each time; 96 random bits are safe for far more writes than a vault ever sees."""
    nonce = secrets.token_bytes(_NONCE)
    plain = json.dumps(encode(content), separators=(",", ":")).encode()
    return _MARK + nonce + AESGCM(key).encrypt(nonce, plain, _MARK + ecosystem.encode())


def unseal(sealed: bytes, key: bytes, ecosystem: str) -> Content:
    """Raises Unreadable for anything that was not sealed with this key for this ecosystem, or was changed since."""
    if not sealed.startswith(_MARK):
        raise Unreadable(f"cannot open the vault of {ecosystem}: it is no vault, or a newer Twinstage's")
    nonce, rest = sealed[len(_MARK) :][:_NONCE], sealed[len(_MARK) + _NONCE :]
    try:
        plain = AESGCM(key).decrypt(nonce, rest, _MARK + ecosystem.encode())
    except (InvalidTag, ValueError):
        raise Unreadable(
            f"cannot open the vault of {ecosystem}: it was changed, or its key is another's; put both back from one "
            "backup, or move both away and set every secret again"
        ) from None
    told = json.loads(plain)
    services = {
        ServiceName(service): {int(number): values for number, values in held.items()}
        for service, held in told["services"].items()
    }
    return Content(services=services, offers=decode(Mapping[str, Offer], told["offers"]))
