"""How true the mirror is, measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from twinstage.desired.wholeness import not_whole
from twinstage.model.names import ReleaseId, ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import ServiceState
from twinstage.model.seen import Observed


@dataclass(frozen=True, kw_only=True)
class Amiss:
    service: ServiceName
    detail: str
    since: datetime | None


@dataclass(frozen=True, kw_only=True)
class Parity:
    mirrored: int
    """Services whole in staging at production's release, of ``of`` services that production runs."""
    of: int
    amiss: tuple[Amiss, ...]


def parity(
    services: Mapping[ServiceName, ServiceState],
    releases: Mapping[ReleaseId, Release],
    staging: Observed,
    since: Mapping[ServiceName, datetime] | None = None,
) -> Parity:
    """``since``: when each service was first seen not whole, kept by the caller (its open mirror breaks)."""
    run = [svc for _, svc in sorted(services.items()) if svc.baseline is not None and not svc.removed]
    found = [missing for svc in run if (missing := not_whole(svc, releases, staging)) is not None]
    times = since or {}
    amiss = tuple(Amiss(service=n.service, detail=n.detail, since=times.get(n.service)) for n in found)
    return Parity(mirrored=len(run) - len(found), of=len(run), amiss=amiss)
