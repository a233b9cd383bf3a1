"""What is decided so far: the store's rows that every decision starts from."""

from collections.abc import Mapping
from dataclasses import dataclass

from twinstage.model.names import ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import Policy
from twinstage.model.release import Release
from twinstage.model.rollout import Freeze, Rollout, ServiceState
from twinstage.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Situation:
    policy: Policy
    services: Mapping[ServiceName, ServiceState]
    releases: Mapping[ReleaseId, Release]
    rollouts: Mapping[RolloutId, Rollout]
    """Open ones, in the order in which they were submitted."""
    freezes: Mapping[ServiceName | None, Freeze]
    """Those that stand, by the service they freeze; None: the one of all."""

    @classmethod
    def of(cls, store: Store) -> "Situation":
        return cls(
            policy=store.policy(),
            services=store.services(),
            releases=store.releases(),
            rollouts={r.id: r for r in reversed(store.rollouts(open_only=True))},
            freezes=store.freezes(),
        )

    def open_of(self, service: ServiceName) -> tuple[Rollout, ...]:
        """Open rollouts of a service, oldest first."""
        return tuple(r for r in self.rollouts.values() if r.service == service)

    def release_of(self, rollout: Rollout) -> Release | None:
        return None if rollout.release is None else self.releases[rollout.release]

    def group_of(self, rollout: Rollout) -> tuple[Rollout, ...]:
        """The open rollouts of its group, itself left out."""
        if rollout.group is None:
            return ()
        return tuple(r for r in self.rollouts.values() if r.group == rollout.group and r.id != rollout.id)
