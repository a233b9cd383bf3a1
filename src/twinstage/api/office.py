"""What every handler stands on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from twinstage.api.problems import Trouble, nearest
from twinstage.forge.mirror import Mirror
from twinstage.model.holding import Holding
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, JobId, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.rollout import ServiceState
from twinstage.model.seen import Observed
from twinstage.runtime.runtime import Runtime
from twinstage.store.store import Store
from twinstage.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Office:
    store: Store
    latest: Callable[[], Mapping[Ecosystem, Observed]]
    """The controller's last look at each ecosystem; empty before its first tick."""
    wake: Callable[[], None]
    """Tell the controller that there is something to do. A lost call costs it a second."""
    mirror: Mirror
    vault: Mapping[Ecosystem, Vault]
    runtime: Runtime
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    holdings: Callable[[], tuple[Holding, ...]]
    """Everything that takes up room; raises Unavailable or OSError."""
    jobs: Callable[[], Mapping[JobId, Job]]
    """The controller's last look at what jobs there are."""
    intact: Callable[[Artifact], bool]
    """Is it still what its build made?"""
    hindered: Callable[[], str]
    """What kept the controller's last tick from its end; empty when nothing did."""

    def service(self, name: str) -> ServiceState:
        """Raises Trouble (404) with the nearest name."""
        services = {n: s for n, s in self.store.services().items() if not s.removed}
        if (found := services.get(ServiceName(name))) is not None:
            return found
        raise Trouble(
            404,
            f"cannot find service {name}",
            "the company has no service of that name",
            nearest(name, services) or "`twinstage status` lists them; ecosystem.yaml adds one",
        )


def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


Here = Annotated[Office, Depends(_office)]
