"""What the controller works with, in one hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twinstage.controller.shelf import Shelf
from twinstage.controller.situation import Situation
from twinstage.judge.judge import Judge
from twinstage.model.names import Ecosystem, Port
from twinstage.model.seen import Observed
from twinstage.retention.bounds import Bounds
from twinstage.runtime.runtime import Fence, Runtime
from twinstage.store.store import Store
from twinstage.vault import Vault


@dataclass(kw_only=True)
class Means:
    store: Store
    runtime: Runtime
    shelf: Shelf
    judge: Judge
    new_id: Callable[[], str]
    """At least 8 hex digits, never the same twice."""
    free: Callable[[Port], bool]
    """Can this frontend port be bound on this machine? Asked when a service gets its ports."""
    vault: Mapping[Ecosystem, Vault]

    bounds: Bounds = field(default_factory=Bounds)
    seen: Mapping[Ecosystem, Observed] = field(default_factory=dict)
    """Of the present tick's look."""

    _held: tuple[Fence, Situation] | None = field(default=None, init=False, repr=False)

    def situation(self) -> Situation:
        """The store's rows as they are now. Read again only when a decision was written since: nobody else writes any."""
        fence = self.fence
        if self._held is None or self._held[0] != fence:
            self._held = (fence, Situation.of(self.store))
        return self._held[1]

    @property
    def fence(self) -> Fence:
        """Every call of the runtime carries it, so that an older controller's comes to nothing."""
        return Fence(epoch=self.store.epoch or 0, generation=self.store.generation)
