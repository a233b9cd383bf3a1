"""What comes of an intent."""

from dataclasses import dataclass

from twinstage.controller.situation import Situation
from twinstage.model.names import RolloutId, ServiceName
from twinstage.model.policy import EcosystemFile
from twinstage.model.rollout import Intent, ServiceState
from twinstage.store.rows import Change


class Refused(Exception):
    """The intent is not carried out. The message is its answer: what, why, and what to do instead."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    answer: str
    accepted: bool = True
    rollout: RolloutId | None = None
    service: ServiceName | None = None
    change: Change | None = None
    """To be saved with the answer."""
    configures: EcosystemFile | None = None


def service_of(intent: Intent, situation: Situation) -> ServiceState:
    """Raises Refused where there is none of that name."""
    name = ServiceName(intent.args.get("service", ""))
    service = situation.services.get(name)
    if service is None or service.removed:
        raise Refused(
            f"cannot {intent.verb.value} {name}: the company has no service of that name; ecosystem.yaml adds one"
        )
    return service
