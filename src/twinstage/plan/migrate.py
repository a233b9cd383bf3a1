"""What has databases is not put before they are ready for it: its instances would meet a schema that they do not know."""

from collections.abc import Set
from dataclasses import dataclass

from twinstage.model.database import DataKey
from twinstage.model.reasons import Owner, Reason
from twinstage.model.workload import WorkloadKey
from twinstage.pipeline.keys import data_key
from twinstage.plan.view import View


@dataclass(frozen=True, kw_only=True)
class Held:
    keys: frozenset[WorkloadKey]
    """Workloads that may not be put yet."""
    waits: tuple[Reason, ...]


def migrate(view: View, ready: Set[DataKey]) -> Held:
    wanted = [key for key in view.wanted if (key.release, key.data) in view.want.migrate]
    held = [key for key in wanted if data_key(key) not in ready]
    waits = [Reason(code="UNMIGRATED", owner=Owner.PLATFORM, facts=view.named(key)) for key in held]
    return Held(keys=frozenset(held), waits=tuple(waits))
