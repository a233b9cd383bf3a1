"""The controller: one thread, one function. Read tick() as the story of everything that ever happens.

    look       what is there: both ecosystems, jobs, counters, crossings
    record     what of it must be remembered
    move along what is under way, where the machine's clock has jumped
    lapse      freezes whose time is over
    carry out  what people asked for
    advance    each rollout, as far as the facts allow
    databases  the next piece of work on each: before a release's instances start, and after a lane is gone
    execute    what follows from all decisions: desired, plan, and calls of the runtime
    probe      once an hour: the boundary is tried, by a job in each ecosystem
    collect    once an hour: what nobody needs any more goes
    retain     old values of secrets go with the last workload that has them

It takes no other input, nothing in it waits, and each step starts from the store alone. So it may be killed between any two
calls: the next controller looks, and goes on. Whatever takes longer than a moment is a job or shows in a later look.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from twinstage.controller.advancing import advance_all
from twinstage.controller.clock import Clock, moved_along
from twinstage.controller.collection import Collector
from twinstage.controller.databases import look_after
from twinstage.controller.execute import Draining, execute
from twinstage.controller.freezing import lapse
from twinstage.controller.intents import carry_out
from twinstage.controller.introduction import Introduction
from twinstage.controller.means import Means
from twinstage.controller.probing import Prober, Rhythm
from twinstage.controller.recording import record
from twinstage.controller.secrets import retain
from twinstage.controller.shelf import Shelf
from twinstage.controller.sight import look
from twinstage.judge.judge import Judge
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, JobId, Port
from twinstage.model.seen import Observed
from twinstage.runtime.runtime import Runtime
from twinstage.store.store import Store
from twinstage.vault import Vault


class Controller:
    """``start(now)`` once, then ``tick(now, steady)`` each second and whenever somebody has asked for something.

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
        vault: Mapping[Ecosystem, Vault],
        probing: Rhythm | None = None,
    ) -> None:
        """``probing``: when the boundary is tried without being asked for; None: never."""
        self._means = Means(
            store=store, runtime=runtime, shelf=shelf, judge=judge, new_id=new_id, free=free, vault=vault
        )
        self._introduction = Introduction(self._means)
        self._clock = Clock()
        self._collector = Collector(self._means)
        self._prober = Prober(self._means, probing)
        self._draining: Draining = {}
        self.latest: Mapping[Ecosystem, Observed] = {}
        """The last look at each ecosystem, for whoever asks; replaced whole."""
        self.jobs: Mapping[JobId, Job] = {}
        """The last look at jobs."""
        self.busy = True
        """Is a release on its way, or something draining? Then the next look is worth having soon."""
        self.moved = True
        """Did anything come a step further? Then the next step may be possible at once."""
        self.due: float | None = None
        """Seconds from the last tick's beginning until the next thing is due that only waits for the clock; None: nothing is."""
        self._stood: object = None

    def start(self, now: datetime, after: int = 0) -> None:
        """Takes the store, with an epoch above ``after``. From here on every older controller is refused."""
        self._means.store.take(now, after)

    def tick(self, now: datetime, steady: float) -> None:
        """``steady``: seconds by a clock that nobody sets."""
        means = self._means
        self._introduction.open()

        sight = look(means, now)
        self.latest = {**self.latest, **sight.seen}
        self.jobs = self.jobs if sight.jobs is None else sight.jobs
        means.seen = sight.seen

        record(means, sight)
        if jump := self._clock.jump(now, steady):
            means.store.commit(moved_along(means.situation(), jump, now))
            self._draining = {key: since + jump for key, since in self._draining.items()}
        lapse(means, now)
        carry_out(means, now)
        situation = advance_all(means, sight)
        situation = look_after(means, situation, sight)

        if self._introduction.tell(situation.services, self.latest, situation.policy.public):
            self._prober.probe(now)
            self._draining = execute(means, situation, sight, self._draining)
            self._collector.collect(situation, now)
            retain(means, situation)
        self.busy = bool(situation.rollouts or self._draining)
        stands = {r.id: (r.state, r.share, r.exposed) for r in situation.rollouts.values()}, set(self._draining)
        ends = [r.reason.until for r in situation.rollouts.values() if r.reason.until is not None]
        self.due = min(((end - now).total_seconds() for end in ends if end > now), default=None)
        self.moved, self._stood = stands != self._stood, stands
