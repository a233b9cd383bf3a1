"""A workload in a world in memory, and its instances."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from twinstage.model.names import InstanceId
from twinstage.model.seen import Health, InstanceSeen, WorkloadSeen
from twinstage.model.workload import Workload


@dataclass(kw_only=True)
class FakeInstance:
    id: InstanceId
    since: datetime
    health: Health = Health.STARTING
    steps: int = 0
    detail: str = ""


@dataclass(kw_only=True)
class FakeWorkload:
    workload: Workload
    replicas: int
    """0: deleted."""
    instances: list[FakeInstance] = field(default_factory=list)
    in_flight: int = 0
    given: Mapping[str, str] = field(default_factory=dict)  # its secrets

    @property
    def healthy(self) -> int:
        return sum(i.health is Health.HEALTHY for i in self.instances)

    @property
    def seen(self) -> WorkloadSeen:
        """What an observer is told of it."""
        instances = (InstanceSeen(id=i.id, health=i.health, since=i.since, detail=i.detail) for i in self.instances)
        key = self.workload.key
        return WorkloadSeen(key=key, replicas=self.replicas, instances=tuple(instances), in_flight=self.in_flight)
