"""What is decided so far: the store's rows that every decision starts from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from twinstage.controller.standing import behind
from twinstage.desired.desired import desired
from twinstage.model.database import Behind, DataKey
from twinstage.model.names import Ecosystem, ReleaseId, RolloutId, ServiceName
from twinstage.model.policy import Policy
from twinstage.model.release import Release
from twinstage.model.rollout import Freeze, Rollout, ServiceState
from twinstage.model.workload import Desired
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
    ready: frozenset[DataKey]
    """Data that is there and migrated."""
    behind: Mapping[ServiceName, Behind]
    """Services whose own databases in staging are not at production's release, with why."""

    @classmethod
    def of(cls, store: Store) -> "Situation":
        services, releases, ready = store.services(), store.releases(), store.ready()
        return cls(
            policy=store.policy(),
            services=services,
            releases=releases,
            rollouts={r.id: r for r in reversed(store.rollouts(open_only=True))},
            freezes=store.freezes(),
            ready=ready,
            behind=behind(store, services, releases, ready),
        )

    @cached_property
    def wants(self) -> Mapping[Ecosystem, tuple[Desired, ...]]:
        """What should run, every service: computed once a decision, not once a look."""
        return {
            eco: tuple(
                desired(eco, service, self.open_of(service.service), self.releases, self.policy)
                for service in self.services.values()
            )
            for eco in Ecosystem
        }

    @cached_property
    def _open(self) -> Mapping[ServiceName, tuple[Rollout, ...]]:
        found: dict[ServiceName, list[Rollout]] = {}
        for rollout in self.rollouts.values():
            found.setdefault(rollout.service, []).append(rollout)
        return {service: tuple(rollouts) for service, rollouts in found.items()}

    def open_of(self, service: ServiceName) -> tuple[Rollout, ...]:
        """Open rollouts of a service, oldest first."""
        return self._open.get(service, ())

    def release_of(self, rollout: Rollout) -> Release | None:
        return None if rollout.release is None else self.releases[rollout.release]

    def group_of(self, rollout: Rollout) -> tuple[Rollout, ...]:
        """The open rollouts of its group, itself left out."""
        if rollout.group is None:
            return ()
        return tuple(r for r in self.rollouts.values() if r.group == rollout.group and r.id != rollout.id)
