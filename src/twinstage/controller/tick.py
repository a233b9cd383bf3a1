"""The controller: one thread, one function. Read tick() as the story of everything that ever happens.

    look       what is there: both ecosystems, jobs, counters, crossings
    record     what of it must be remembered
    lapse      freezes whose time is over
    carry out  what people asked for
    advance    each rollout, as far as the facts allow
    execute    what follows from all decisions: desired, plan, and calls of the runtime
    collect    once an hour: what nobody needs any more goes

It takes no other input, nothing in it waits, and each step starts from the store alone. So it may be killed between any two
calls: the next controller looks, and goes on. Whatever takes longer than a moment is a job or shows in a later look.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from twinstage.controller.advancing import advance_all
from twinstage.controller.collection import Collector
from twinstage.controller.execute import Draining, execute
from twinstage.controller.freezing import lapse
from twinstage.controller.intents import carry_out
from twinstage.controller.introduction import Introduction
from twinstage.controller.means import Means
from twinstage.controller.recording import record
from twinstage.controller.shelf import Shelf
from twinstage.controller.sight import look
from twinstage.judge.judge import Judge
from twinstage.model.names import Ecosystem, Port
from twinstage.model.seen import Observed
from twinstage.runtime.runtime import Runtime
from twinstage.store.store import Store


class Controller:
    """``start(now)`` once, then ``tick(now)`` each second and whenever somebody has asked for something.

    Raises StaleEpoch (the store) or StaleFence (the runtime) once a newer controller has taken over: stop then.
    """

    def __init__(
        self,
        *,
        store: Store,
        runtime: Runtime,
        shelf: Shelf,
        judge: Judge,
        new_id: Callable[[], str],
        free: Callable[[Port], bool],
    ) -> None:
        self._means = Means(store=store, runtime=runtime, shelf=shelf, judge=judge, new_id=new_id, free=free)
        self._introduction = Introduction(self._means)
        self._collector = Collector(self._means)
        self._draining: Draining = {}
        self.latest: Mapping[Ecosystem, Observed] = {}
        """The last look at each ecosystem, for whoever asks; replaced whole."""
        self.busy = True
        """Is a release on its way, or something draining? Then the next look is worth having soon."""

    def start(self, now: datetime) -> None:
        """Takes the store. From here on every older controller is refused."""
        self._means.store.take(now)

    def tick(self, now: datetime) -> None:
        means = self._means
        self._introduction.open()

        sight = look(means, now)
        self.latest = {**self.latest, **sight.seen}
        means.seen = sight.seen

        record(means, sight)
        lapse(means, now)
        carry_out(means, now)
        situation = advance_all(means, sight)

        if self._introduction.tell(situation.services, self.latest):
            self._draining = execute(means, situation, sight, self._draining)
            self._collector.collect(situation, now)
        self.busy = bool(situation.rollouts or self._draining)
