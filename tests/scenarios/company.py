"""A company to play scenarios with: the real controller and store, a world in memory, a clock that only ticks move.

    shop = Company.founded(tmp_path / "store.sqlite", "orders", "payments")
    rollout = shop.submit("orders", shop.write("orders", calls=["payments"]))
    shop.until(lambda: shop.state(rollout) is State.LIVE)

The controller may be killed at any tick; it is then started again on the same store and world, and the play goes on.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scenarios.shelf import FakeShelf
from scenarios.tripwire import Crash, Tripwire
from twinstage.controller.tick import Controller
from twinstage.judge.judge import PlainJudge
from twinstage.model.encoding import dumps
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, RolloutId, ServiceName
from twinstage.model.policy import EcosystemFile, Policy, ServiceEntry
from twinstage.model.rollout import Intent, IntentVerb, Rollout, State
from twinstage.model.workload import Workload
from twinstage.pipeline.keys import release_key
from twinstage.runtime.checked import Checked
from twinstage.runtime.fake import FakeRuntime, Schedule, reliable
from twinstage.runtime.world import World
from twinstage.store.rows import JournalRow
from twinstage.store.store import Store
from twinstage.vault import MemoryBox, Vault
from twinstage.vault.content import Offer

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POLICY = Policy(
    reviewers=("*@shop.example",),
    bake=timedelta(seconds=6),
    longest_canary=timedelta(seconds=60),
    settle=timedelta(seconds=2),
)


@dataclass
class Ids:
    """8 hex digits each, never the same twice, the same in every run."""

    last: int = 0

    def __call__(self) -> str:
        self.last += 1
        return hashlib.sha256(str(self.last).encode()).hexdigest()[:8]


@dataclass
class Outside:
    """Everything that outlives a controller, beside its store."""

    world: World
    shelf: FakeShelf = field(default_factory=FakeShelf)
    ids: Ids = field(default_factory=Ids)
    boxes: dict[Ecosystem, MemoryBox] = field(default_factory=lambda: {eco: MemoryBox() for eco in Ecosystem})
    now: datetime = START
    steady: float = 0.0
    """Seconds that have passed, whatever ``now`` was set to."""


class Company:
    """``path``: the store's file. ``outside``: all else that outlives a controller. ``schedule``: when the platform does
    not answer. ``wire``: wraps store and runtime as the controller sees them."""

    def __init__(
        self, path: Path, outside: Outside, *, schedule: Schedule = reliable, wire: Tripwire | None = None
    ) -> None:
        self.path = path
        self.outside = outside
        self.schedule = schedule
        self.wire = wire
        self.crashes = 0
        self.begin()

    @classmethod
    def founded(
        cls, path: Path, *services: str, policy: Policy = POLICY, schedule: Schedule = reliable, **world: Any
    ) -> "Company":
        """A new company with these services, nothing shipped yet. ``world``: settings of the World."""
        company = cls(path, Outside(World(START, **{"requests": 400, **world})), schedule=schedule)
        company.configure(*services, policy=policy)
        return company

    # ---- the controller's life

    def begin(self) -> None:
        """A new process: nothing of the one before is left but store and world."""
        self.store = Store(self.path, durable=False)
        self.vault = {eco: Vault(eco, box) for eco, box in self.outside.boxes.items()}
        values = lambda eco, service, number: self.vault[eco].values(service, number)  # noqa: E731
        runtime = Checked(FakeRuntime(self.outside.world, lambda *call: self.schedule(*call), values))
        wire = self.wire
        self.controller = Controller(
            store=wire.wrap(self.store) if wire else self.store,
            runtime=wire.wrap(runtime) if wire else runtime,
            shelf=self.outside.shelf,
            judge=PlainJudge(),
            new_id=self.outside.ids,
            free=lambda port: True,
            vault={eco: wire.wrap(vault) if wire else vault for eco, vault in self.vault.items()},
        )
        self._started = False

    def restart(self) -> None:
        """The controller is killed and started again."""
        self.store.close()
        self.begin()

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.outside.now += SECOND
            self.outside.steady += 1
            try:
                if not self._started:
                    self.controller.start(self.now)
                    self._started = True
                self.controller.tick(self.now, self.outside.steady)
            except Crash:
                self.crashes += 1
                self.restart()
            # The world moves between two ticks: nothing happens at the very moment of a look.
            self.outside.world.step(self.now + SECOND / 2)

    def until(self, condition: Callable[[], bool], limit: int = 300) -> None:
        """Ticks until it holds; after ``limit`` ticks shows where everything stands."""
        for _ in range(limit):
            if condition():
                return
            self.tick()
        raise AssertionError(f"did not come about in {limit} ticks:\n{self.account()}")

    def settled(self) -> bool:
        """Nothing is under way, and what runs is what production's baselines ask for."""
        wanted = {
            release_key(svc.baseline, svc, eco): self.store.release(svc.baseline).definition.web.instances[eco]
            for svc in self.store.services().values()
            for eco in Ecosystem
            if svc.baseline is not None and not svc.removed
        }
        there = {key: held.healthy for key, held in self.world.workloads.items() if held.instances}
        led = {key for route in self.world.accepted.values() for key, _ in route.split}
        lanes = any(route.lanes for route in self.world.accepted.values())
        busy = self.store.rollouts(open_only=True) or self.store.intents() or self.world.jobs or self.store.clones()
        return not busy and there == wanted and led == set(wanted) and not lanes and not self.store.mirror_breaks()

    def settle(self) -> None:
        self.until(self.settled)

    # ---- what people do

    def write(self, service: str, **what: Any) -> str:
        return self.outside.shelf.write(service, **what)

    def post(self, verb: IntentVerb, *, by: str = "ada", why: str = "", **args: str) -> str:
        """Writes an intent; the next tick answers it."""
        id = f"i-{self.outside.ids()}"
        self.store.add_intent(Intent(id=id, verb=verb, args=args, by=by, why=why, at=self.now))
        return id

    def ask(self, verb: IntentVerb, **what: str) -> Intent:
        """Writes an intent and ticks until it is answered."""
        id = self.post(verb, **what)
        self.until(lambda: self.store.intent(id).answered is not None)
        return self.store.intent(id)

    def offer(self, service: str, name: str, value: str, ecosystem: Ecosystem, by: str = "ada") -> str:
        """What the API does with `secret set`: the value into the vault, then the intent."""
        id = f"i-{self.outside.ids()}"
        offer = Offer(service=ServiceName(service), name=name, value=value, at=self.now)
        assert self.vault[ecosystem].offer(id, offer)
        args = {"service": service, "ecosystem": ecosystem.value, "name": name}
        self.store.add_intent(Intent(id=id, verb=IntentVerb.SET_SECRET, args=args, by=by, why="", at=self.now))
        return id

    def set_secret(self, service: str, name: str, value: str, *ecosystems: Ecosystem) -> Intent:
        """`secret set`, in both ecosystems unless told; the last one's answer."""
        for ecosystem in ecosystems or Ecosystem:
            id = self.offer(service, name, value, ecosystem)
            self.until(lambda id=id: self.store.intent(id).answered is not None)
        return self.store.intent(id)

    def configure(self, *services: str, policy: Policy = POLICY) -> Intent:
        entries = tuple(ServiceEntry(service=ServiceName(name), repository=f"/repos/{name}") for name in services)
        file = EcosystemFile(name="shop", services=entries, policy=policy)
        return self.ask(IntentVerb.CONFIGURE, file=dumps(file))

    def submit(self, service: str, commit: str) -> RolloutId:
        intent = self.ask(IntentVerb.SUBMIT, service=service, commit=commit)
        assert intent.accepted, intent.answer
        assert intent.rollout is not None, intent.answer
        return intent.rollout

    def ship(self, service: str, **what: Any) -> RolloutId:
        """A commit from writing to live."""
        rollout = self.submit(service, self.write(service, **what))
        self.until(lambda: self.state(rollout) is State.LIVE)
        return rollout

    # ---- what is the case

    @property
    def now(self) -> datetime:
        return self.outside.now

    @property
    def world(self) -> World:
        return self.outside.world

    def rollout(self, rollout: str) -> Rollout:
        return self.store.rollout(rollout)

    def state(self, rollout: str) -> State:
        return self.rollout(rollout).state

    def reason(self, rollout: str) -> str:
        return self.rollout(rollout).reason.code

    def said(self, rollout: str) -> str:
        return self.rollout(rollout).reason.sentence

    def live(self, service: str) -> str | None:
        """The commit that production runs."""
        baseline = self.store.services()[ServiceName(service)].baseline
        return None if baseline is None else self.store.release(baseline).commit

    def split(self, service: str, ecosystem: Ecosystem = Ecosystem.PRODUCTION) -> dict[str, int]:
        """Shares of a service's requests by commit, as the proxy has accepted them."""
        route = self.world.accepted.get((ecosystem, ServiceName(service)))
        releases = self.store.releases()
        return {releases[key.release].commit: share for key, share in route.split} if route else {}

    def lanes(self, service: str) -> set[str]:
        route = self.world.accepted.get((Ecosystem.STAGING, ServiceName(service)))
        releases = self.store.releases()
        return {releases[key.release].commit for _, key in route.lanes} if route else set()

    def runs(self, ecosystem: Ecosystem) -> dict[tuple[str, str], int]:
        """(service, commit) -> instances there."""
        releases = self.store.releases()
        return {
            (key.service, releases[key.release].commit): len(held.instances)
            for key, held in self.world.workloads.items()
            if key.ecosystem is ecosystem
        }

    def history(self, rollout: str) -> list[str]:
        """The states it went through, with its shares."""
        return [r.after or "" for r in self.store.journal(rollout=RolloutId(rollout)) if r.what == "rollout"]

    def lines(self, what: str) -> list[JournalRow]:
        return [row for row in self.store.journal(limit=5000) if row.what == what]

    def account(self) -> str:
        rows = [f"{r.service} {r.id} {r.state.value} {r.share} %: {r.reason.sentence}" for r in self.store.rollouts()]
        rows += [f"{b.service} not whole: {b.detail}" for b in self.store.mirror_breaks()]
        rows += [f"{row.at:%H:%M:%S} {row.service} {row.what} {row.after}: {row.why}" for row in self.store.journal()]
        return "\n".join(rows)


def of_commit(commit: str, ecosystem: Ecosystem | None = None) -> Callable[[Workload], bool]:
    """Workloads that run what was built from this commit."""

    def fits(workload: Workload) -> bool:
        here = ecosystem is None or workload.key.ecosystem is ecosystem
        return here and workload.artifact.location.endswith(commit)

    return fits


def job_of(commit: str, name: str) -> Callable[[Job], bool]:
    """The jobs of that name for this commit: ``build``, a gate's name, ``verify``."""
    return lambda job: job.commit == commit and job.name == name
