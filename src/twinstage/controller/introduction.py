"""What a runtime must have been told before anything is put: ecosystems, services, their ports, and whose names are ours."""

import logging
from collections.abc import Mapping

from twinstage.controller.means import Means
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.rollout import ServiceState
from twinstage.model.seen import Observed
from twinstage.runtime.runtime import Introduced, Unavailable

log = logging.getLogger(__name__)


class Introduction:
    """Once in the life of a controller, and again when the services have changed."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._opened: set[Ecosystem] = set()
        self._told: tuple[Introduced, tuple[str, ...]] | None = None

    def open(self) -> None:
        for eco in Ecosystem:
            if eco in self._opened:
                continue
            try:
                self._means.runtime.open(eco, self._means.fence)
                self._opened.add(eco)
            except Unavailable as trouble:
                log.warning("cannot open %s: %s", eco, trouble)

    def tell(
        self,
        services: Mapping[ServiceName, ServiceState],
        latest: Mapping[Ecosystem, Observed],
        public: tuple[str, ...] = (),
    ) -> bool:
        """Whether the runtime knows everything; if not, nothing can be put yet.

        A removed service keeps its ports until nothing of it is seen any more.
        """
        there = {key.service for seen in latest.values() for key in seen.workloads}
        there |= {service for seen in latest.values() for service in seen.routes}
        ports = {
            name: {eco: (int(svc.frontends[eco]), int(svc.backends[eco])) for eco in Ecosystem}
            for name, svc in services.items()
            if not svc.removed or name in there
        }
        told = ports, public
        if told != self._told:
            try:
                self._means.runtime.introduce(ports, self._means.fence, public)
                self._told = told
            except Unavailable as trouble:
                log.warning("cannot introduce the services: %s", trouble)
        return told == self._told and self._opened == set(Ecosystem)
