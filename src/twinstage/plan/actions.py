"""What a controller can do to the world. Each is one idempotent call of the runtime."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, JobId, ServiceName
from twinstage.model.reasons import Reason
from twinstage.model.workload import Route, Workload, WorkloadKey


@dataclass(frozen=True, kw_only=True)
class PutWorkload:
    workload: Workload


@dataclass(frozen=True, kw_only=True)
class DeleteWorkload:
    key: WorkloadKey


@dataclass(frozen=True, kw_only=True)
class PutRoute:
    route: Route


@dataclass(frozen=True, kw_only=True)
class DeleteRoute:
    ecosystem: Ecosystem
    service: ServiceName


@dataclass(frozen=True, kw_only=True)
class StartJob:
    job: Job


@dataclass(frozen=True, kw_only=True)
class StopJob:
    id: JobId


Action = PutWorkload | DeleteWorkload | PutRoute | DeleteRoute | StartJob | StopJob


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Actions in the order to execute them, and what is not done yet, with why."""

    actions: tuple[Action, ...]
    waits: tuple[Reason, ...]
    draining: Mapping[WorkloadKey, datetime] = field(default_factory=dict)
    """This service's workloads that drain, with when that began; to be given to the next ``plan``."""
