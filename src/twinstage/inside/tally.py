"""What one caller tried, in bounded memory: its first places by name, all others as a number. Pure.

A book is of one caller, and of each kind of target apart, so nobody's flood, nor a flood of another kind, takes the room
of a first attempt.
"""

import hashlib
import math
from dataclasses import dataclass, field
from datetime import datetime

from twinstage.inside.targets import OTHER_ECOSYSTEM, Target
from twinstage.inside.wires import Wire

MOST_PLACES = 200
"""So many places of a kind are told apart for each caller."""
REST = "many other places"
WINDOW, LONGEST_WINDOW = 1.0, 30.0
"""Seconds for which repeats are counted before they are written: doubled while they go on."""
_BITS = 1 << 16


@dataclass(kw_only=True)
class Distinct:
    """About how many different ones there were, in 8 KiB however many (linear counting): a few per cent off at 100,000,
    and ``at least`` beyond half a million."""

    _seen: bytearray = field(default_factory=lambda: bytearray(_BITS // 8))
    _set: int = 0

    def add(self, what: str) -> None:
        digest = hashlib.blake2b(what.encode("utf-8", "backslashreplace"), digest_size=4).digest()
        place, bit = divmod(int.from_bytes(digest) % _BITS, 8)
        if not self._seen[place] & 1 << bit:
            self._seen[place] |= 1 << bit
            self._set += 1

    @property
    def count(self) -> int:
        free = max(_BITS - self._set, 1)
        return max(round(_BITS * math.log(_BITS / free)), min(self._set, 1))


@dataclass(kw_only=True)
class Repeat:
    """One place, answered one way: what happened again since its last line."""

    caller: Wire
    target: Target
    answered: str
    due: float = -math.inf
    """By the clock, when the next line may be written."""
    window: float = WINDOW
    at: datetime | None = None
    """Of the first that is not written yet."""
    count: int = 0
    more: Distinct | None = None
    """The places that this one stands for, where it stands for many."""

    @property
    def advice(self) -> str:
        if self.more is None:
            return self.target.advice
        return f"{MOST_PLACES} places are told apart; about {self.more.count:,} more were tried: {self.target.advice}"

    def wait(self, moment: float) -> None:
        """A line was written: the next one no sooner than a window from now, longer while it goes on."""
        goes_on = moment - self.due < 2 * self.window
        self.window = min(2 * self.window, LONGEST_WINDOW) if goes_on else WINDOW
        self.due = moment + self.window


@dataclass(kw_only=True)
class Book:
    """All that one caller tried."""

    repeats: dict[tuple[str, str, str], Repeat] = field(default_factory=dict)
    _known: dict[str, set[str]] = field(default_factory=dict)
    _more: dict[str, Distinct] = field(default_factory=dict)

    def entry(self, caller: Wire, target: Target, answered: str) -> Repeat:
        """Where this attempt is counted: under its own name, or beyond the bound with the others of its kind."""
        known = self._known.setdefault(target.kind, set())
        more = None
        if target.target not in known:
            if len(known) < MOST_PLACES:
                known.add(target.target)
            else:
                more = self._more.setdefault(target.kind, Distinct())
                more.add(target.target)
                rest = f"{REST} in the other ecosystem" if target.kind == OTHER_ECOSYSTEM else REST
                target = Target(kind=target.kind, target=rest, advice=target.advice)
        key = (target.kind, target.target, answered)
        if key not in self.repeats:
            self.repeats[key] = Repeat(caller=caller, target=target, answered=answered, more=more)
        return self.repeats[key]
