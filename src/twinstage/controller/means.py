"""What the controller works with, in one hand."""

from collections.abc import Callable
from dataclasses import dataclass

from twinstage.controller.shelf import Shelf
from twinstage.judge.judge import Judge
from twinstage.model.names import Port
from twinstage.runtime.runtime import Fence, Runtime
from twinstage.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Means:
    store: Store
    runtime: Runtime
    shelf: Shelf
    judge: Judge
    new_id: Callable[[], str]
    """At least 8 hex digits, never the same twice."""
    free: Callable[[Port], bool]
    """Can this frontend port be bound on this machine? Asked when a service gets its ports."""

    @property
    def fence(self) -> Fence:
        """Every call of the runtime carries it, so that an older controller's comes to nothing."""
        return Fence(epoch=self.store.epoch or 0, generation=self.store.generation)
