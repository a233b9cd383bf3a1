"""What the rules look at: one service's part of what is wanted and seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from twinstage.model.reasons import Owner, Reason
from twinstage.model.seen import Observed, WorkloadSeen
from twinstage.model.workload import Desired, Route, Workload, WorkloadKey


@dataclass(frozen=True, kw_only=True)
class View:
    want: Desired
    seen: Observed
    wanted: Mapping[WorkloadKey, Workload]
    present: Mapping[WorkloadKey, WorkloadSeen]
    """Of this service."""
    accepted: Route | None
    """None: the proxy has none, or does not say."""

    @classmethod
    def of(cls, want: Desired, seen: Observed) -> Self:
        return cls(
            want=want,
            seen=seen,
            wanted={w.key: w for w in want.workloads},
            present={k: w for k, w in sorted(seen.workloads.items()) if k.service == want.service},
            accepted=seen.routes.get(want.service),
        )

    def healthy(self, key: WorkloadKey) -> int:
        return self.present[key].healthy if key in self.present else 0

    def ready(self, key: WorkloadKey) -> bool:
        """Has every replica that is wanted, all healthy: may its share rise?"""
        return key in self.wanted and self.healthy(key) >= max(1, self.wanted[key].replicas)

    def growing(self, key: WorkloadKey) -> Reason:
        replicas = self.wanted[key].replicas if key in self.wanted else 0
        facts = {**self.named(key), "healthy": self.healthy(key), "wanted": replicas}
        return Reason(code="GROWING", owner=Owner.RELEASE, facts=facts)

    def named(self, key: WorkloadKey) -> dict[str, str | int | float]:
        return {"service": self.want.service, "ecosystem": self.want.ecosystem.value, "release": key.release}


def used(route: Route | None) -> frozenset[WorkloadKey]:
    """The workloads that a route leads to."""
    if route is None:
        return frozenset()
    return frozenset({key for key, share in route.split if share > 0} | {key for _, key in route.lanes})
