"""What the rules look at: one service's part of what is wanted and seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from twinstage.model.reasons import Owner, Reason
from twinstage.model.seen import Observed, WorkloadSeen
from twinstage.model.workload import Desired, Route, Workload, WorkloadKey
from twinstage.pipeline.rotation import serving


@dataclass(frozen=True, kw_only=True)
class View:
    want: Desired
    """Its route leads to those that stand in."""
    seen: Observed
    wanted: Mapping[WorkloadKey, Workload]
    """Those that stand in for another one, too: while a secret is rotated, the instances with its old value serve until
    all of the new ones are healthy."""
    present: Mapping[WorkloadKey, WorkloadSeen]
    """Of this service."""
    accepted: Route | None
    """None: the proxy has none, or does not say."""

    @classmethod
    def of(cls, want: Desired, seen: Observed) -> Self:
        present = seen.by_service.get(want.service, {})
        wanted = {w.key: w for w in want.workloads}
        instead: dict[WorkloadKey, WorkloadKey] = {}
        for key, workload in list(wanted.items()):
            healthy = present[key].healthy if key in present else 0
            if healthy < max(1, workload.replicas) and (other := serving(key, seen)) != key:
                instead[key] = other
                wanted[other] = replace(workload, key=other)
        return cls(
            want=replace(want, route=_led(want.route, instead)),
            seen=seen,
            wanted=wanted,
            present=present,
            accepted=seen.routes.get(want.service),
        )

    def healthy(self, key: WorkloadKey) -> int:
        return self.present[key].healthy if key in self.present else 0

    def ready(self, key: WorkloadKey) -> bool:
        """Has every replica that is wanted, all healthy: may its share rise?"""
        return key in self.wanted and self.healthy(key) >= max(1, self.wanted[key].replicas)

    def taken_over(self, split: Mapping[WorkloadKey, int]) -> Mapping[WorkloadKey, int]:
        """With what has older secrets replaced by the same with newer ones, where that is ready: it changes nothing for
        anybody else, and so no other share may move because of it."""
        if all(key in self.wanted for key in split):
            return split
        ready = {replace(key, secrets=0): key for key in self.wanted if self.ready(key)}
        found: dict[WorkloadKey, int] = {}
        for key, share in split.items():
            heir = key if key in self.wanted else ready.get(replace(key, secrets=0), key)
            found[heir] = found.get(heir, 0) + share
        return found

    def growing(self, key: WorkloadKey) -> Reason:
        replicas = self.wanted[key].replicas if key in self.wanted else 0
        facts = {**self.named(key), "healthy": self.healthy(key), "wanted": replicas}
        return Reason(code="GROWING", owner=Owner.RELEASE, facts=facts)

    def named(self, key: WorkloadKey) -> dict[str, str | int | float]:
        return {"service": self.want.service, "ecosystem": self.want.ecosystem.value, "release": key.release}


def _led(route: Route | None, instead: Mapping[WorkloadKey, WorkloadKey]) -> Route | None:
    if route is None or not instead:
        return route
    split = sorted((instead.get(key, key), share) for key, share in route.split)
    lanes = tuple((lane, instead.get(key, key)) for lane, key in route.lanes)
    return replace(route, split=tuple(split), lanes=lanes)


def used(route: Route | None) -> frozenset[WorkloadKey]:
    """The workloads that a route leads to."""
    if route is None:
        return frozenset()
    return frozenset({key for key, share in route.split if share > 0} | {key for _, key in route.lanes})
