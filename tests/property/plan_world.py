"""A world small enough to check: it does what a plan says, a little later, and keeps count of requests that find nobody.

Written for these properties alone, apart from the public fake: an oracle that shares code with what it judges is none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from twinstage.model.names import Digest, Ecosystem, InstanceId, LaneId, Port, ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Artifact, Definition, Process, Release
from twinstage.model.rollout import Kind, Rollout, ServiceState, State
from twinstage.model.seen import Health, InstanceSeen, Observed, WorkloadSeen
from twinstage.model.workload import Route, WorkloadKey
from twinstage.plan.actions import Action, DeleteRoute, DeleteWorkload, PutRoute, PutWorkload

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAME = ServiceName("orders")
PRODUCTION, STAGING = Ecosystem.PRODUCTION, Ecosystem.STAGING
POLICY = Policy()
HEALTHY = Health.HEALTHY


def _release(id_: str) -> Release:
    web = Process(run="run", instances={PRODUCTION: 3, STAGING: 1}, drain=timedelta(seconds=10))
    return Release(
        id=ReleaseId(id_),
        service=NAME,
        commit=id_,
        tree=id_,
        artifact=Artifact(kind="tree", digest=Digest(id_), location="/x"),
        definition=Definition(service=NAME, build=None, processes={"web": web}),
    )


RELEASES = {ReleaseId(id_): _release(id_) for id_ in ("r1", "r2", "r3")}


def service(*baselines: str) -> ServiceState:
    return ServiceState(
        service=NAME,
        repository="/r",
        branch="main",
        path=".",
        baselines=tuple(ReleaseId(b) for b in baselines),
        frontends={PRODUCTION: Port(10001), STAGING: Port(14001)},
        backends={PRODUCTION: Port(12001), STAGING: Port(16001)},
        secrets_version={PRODUCTION: 1, STAGING: 1},
    )


def rollout(state: State, share: int = 0, rel: str = "r2", n: int = 1, kind: Kind = Kind.SHIP) -> Rollout:
    return Rollout(
        id=RolloutId(f"o{n}"),
        service=NAME,
        kind=kind,
        commit=rel,
        tree=rel,
        release=ReleaseId(rel),
        state=state,
        share=share,
        entered=NOW,
        deadline=NOW,
        lane=LaneId(f"{n:08x}"),
        submitted=NOW + timedelta(seconds=n),
        by="ada",
        reason=Reason(code="VERIFIED", owner=Owner.PLATFORM),
    )


def key(eco: Ecosystem, rel: str, secrets: int = 1) -> WorkloadKey:
    return WorkloadKey(ecosystem=eco, service=NAME, process="web", release=ReleaseId(rel), secrets=secrets)


def workload(
    k: WorkloadKey, health: tuple[Health, ...], replicas: int | None = None, busy: int | None = 0
) -> WorkloadSeen:
    instances = tuple(
        InstanceSeen(id=InstanceId(f"{k.release}-{k.secrets}-{n}"), health=h, since=NOW) for n, h in enumerate(health)
    )
    return WorkloadSeen(
        key=k, replicas=len(health) if replicas is None else replicas, instances=instances, in_flight=busy
    )


@dataclass
class World:
    """One service in one ecosystem. ``lag``: ticks until the proxy accepts a route; ``start``: until one is healthy."""

    ecosystem: Ecosystem
    workloads: dict[WorkloadKey, WorkloadSeen] = field(default_factory=dict)
    accepted: Route | None = None
    pending: list[tuple[int, Route | None]] = field(default_factory=list)
    lag: int = 1
    start: int = 2
    ticks: int = 0
    ages: dict[InstanceId, int] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.ticks)

    def look(self) -> Observed:
        return Observed(
            ecosystem=self.ecosystem,
            at=self.now,
            workloads=dict(self.workloads),
            routes={} if self.accepted is None else {NAME: self.accepted},
            parts={"proxy": HEALTHY},
            enforced=True,
        )

    def do(self, action: Action) -> None:
        if isinstance(action, PutWorkload):
            self._put(action.workload.key, action.workload.replicas)
        elif isinstance(action, DeleteWorkload):
            assert action.key not in self._led_to(), f"{action.key} is deleted while requests are led to it"
            del self.workloads[action.key]
        elif isinstance(action, PutRoute):
            self.pending.append((self.ticks + self.lag, action.route))
        else:
            assert isinstance(action, DeleteRoute)
            self.pending.append((self.ticks + self.lag, None))

    def _led_to(self) -> set[WorkloadKey]:
        routes = [self.accepted, *(route for _, route in self.pending)]
        return {k for r in routes if r for k in [*(k for k, share in r.split if share), *(k for _, k in r.lanes)]}

    def _put(self, k: WorkloadKey, replicas: int) -> None:
        old = self.workloads.get(k)
        kept = () if old is None else old.instances[:replicas]
        new = tuple(
            InstanceSeen(
                id=InstanceId(f"{k.release}-{k.secrets}-{self.ticks}-{n}"), health=Health.STARTING, since=self.now
            )
            for n in range(replicas - len(kept))
        )
        busy = 0 if old is None else old.in_flight
        self.workloads[k] = WorkloadSeen(key=k, replicas=replicas, instances=(*kept, *new), in_flight=busy)

    def tick(self) -> None:
        """A second passes: routes are accepted, what lacks is started, what was started becomes healthy."""
        self.ticks += 1
        while self.pending and self.pending[0][0] <= self.ticks:
            self.accepted = self.pending.pop(0)[1]
        for k, w in self.workloads.items():
            self._put(k, w.replicas)
            grown = tuple(self._older(i) for i in self.workloads[k].instances)
            self.workloads[k] = replace(self.workloads[k], instances=grown)

    def _older(self, instance: InstanceSeen) -> InstanceSeen:
        self.ages[instance.id] = self.ages.get(instance.id, 0) + 1
        return replace(instance, health=HEALTHY) if self.ages[instance.id] >= self.start else instance

    def spoil(self, which: Callable[[WorkloadKey], bool]) -> None:
        """Those never are healthy."""
        for k, w in self.workloads.items():
            if which(k):
                ill = tuple(replace(i, health=Health.STARTING) for i in w.instances)
                self.workloads[k] = replace(w, instances=ill)

    def unanswered(self) -> int:
        """Percent of requests that find no healthy instance."""
        if self.accepted is None or not self.accepted.split:
            return 100
        return sum(
            share for k, share in self.accepted.split if k not in self.workloads or not self.workloads[k].healthy
        )
