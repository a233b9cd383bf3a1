"""The vault of one ecosystem: which values a service has under which number of its secrets.

A value comes in as an offer, under the id of the intent that is to take it, and is taken by the controller just before the
decision about it is written into the store. So it is never in the store, and a controller that is killed in between finds
the offer again: to take it twice is to take it once. What no decision and no workload needs any more is let go of by ``keep``.

Threads may call at the same time: API threads offer, the controller's thread takes. Another process never opens it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from threading import RLock

from twinstage.model.names import Ecosystem, ServiceName
from twinstage.vault.box import Box
from twinstage.vault.content import Content, Offer, Values, seal, unseal
from twinstage.vault.trouble import Lost, TooMuch

MOST_BYTES = 512 << 10
"""Of one service's values in one ecosystem together: an environment has to hold them."""
MOST_NAMES = 100
MOST_OFFERS = 100

Index = tuple[Mapping[tuple[ServiceName, int], frozenset[str]], Mapping[str, datetime]]
"""(names by service and number, when the offers that wait were made, by intent)."""
Kept = Callable[[ServiceName], Mapping[int, Collection[str] | None]]
"""Of a service: number -> the names that stay; None: all."""


class Vault:
    """Every method raises Unreadable where the vault cannot be opened, and OSError where it cannot be written."""

    def __init__(self, ecosystem: Ecosystem, box: Box) -> None:
        self.ecosystem = ecosystem
        self._box = box
        self._lock = RLock()
        self._index: Index | None = None
        """What is there, without a value: so that who only asks whether there is anything to do opens nothing."""

    def offer(self, intent: str, offer: Offer) -> bool:
        """Keep it until it is taken; False: there is another one under that id. Raises TooMuch for too many at once."""
        with self._lock:
            content = self._open()
            if (known := content.offers.get(intent)) is not None:
                return replace(known, at=offer.at) == offer
            if len(content.offers) >= MOST_OFFERS:
                raise TooMuch(f"{MOST_OFFERS} values wait to be taken already")
            self._close(replace(content, offers={**content.offers, intent: offer}))
            return True

    def take(self, intent: str, old: int, new: int) -> None:
        """The service's secrets number ``new`` are those of ``old`` with what that intent offered. The offer stays until
        ``keep``. Raises Lost where there is none, TooMuch where a service would have too many or too large ones."""
        with self._lock:
            content = self._open()
            offer = content.offers.get(intent)
            if offer is None:
                raise Lost("the value did not outlive the controller")
            held = content.services.get(offer.service, {})
            values = {**held.get(old, {}), offer.name: offer.value}
            size = sum(len(value.encode()) for value in values.values())
            if len(values) > MOST_NAMES or size > MOST_BYTES:
                raise TooMuch(
                    f"a service has at most {MOST_NAMES} secrets of {MOST_BYTES >> 10} KiB together in an ecosystem, and "
                    f"this would be {len(values)} of {size >> 10} KiB; remove what it does not need any more"
                )
            self._close(replace(content, services={**content.services, offer.service: {**held, new: values}}))

    def values(self, service: ServiceName, number: int) -> Values:
        """All that the service has under that number; empty where there is nothing."""
        with self._lock:
            return self._open().services.get(service, {}).get(number, {})

    def waiting(self) -> Mapping[str, datetime]:
        """Offers that are there, by their intents, with when they were made."""
        with self._lock:
            if self._index is None:
                self._open()
            assert self._index is not None
            return self._index[1]

    def keep(self, kept: Kept, offers: Collection[str]) -> None:
        """Let go of all other numbers, names and offers."""
        with self._lock:
            if self._index is not None and not _surplus(self._index, kept, offers):
                return
            content = self._open()
            services = {
                service: {number: _named(values, of[number]) for number, values in held.items() if number in of}
                for service, held in content.services.items()
                if (of := kept(service))
            }
            waits = {id: it for id, it in content.offers.items() if id in offers}
            left = Content(services={s: h for s, h in services.items() if h}, offers=waits)
            if left != content:
                self._close(left)

    def _open(self) -> Content:
        sealed = self._box.read()
        content = Content() if sealed is None else unseal(sealed, self._box.key(), self.ecosystem)
        self._index = _index(content)
        return content

    def _close(self, content: Content) -> None:
        self._box.write(seal(content, self._box.key(), self.ecosystem))
        self._index = _index(content)


def _named(values: Values, names: Collection[str] | None) -> Values:
    return values if names is None else {name: value for name, value in values.items() if name in names}


def _surplus(index: Index, kept: Kept, offers: Collection[str]) -> bool:
    """Is there anything that nobody needs?"""
    names, waiting = index
    for (service, number), there in names.items():
        of = kept(service)
        if number not in of:
            return True
        wanted = of[number]
        if wanted is not None and not there <= set(wanted):
            return True
    return not waiting.keys() <= set(offers)


def _index(content: Content) -> Index:
    names = {(s, number): frozenset(values) for s, held in content.services.items() for number, values in held.items()}
    return names, {id: offer.at for id, offer in content.offers.items()}
