"""How true the mirror is, measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from twinstage.desired.wholeness import not_whole
from twinstage.model.database import Behind
from twinstage.model.names import ReleaseId, ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import ServiceState
from twinstage.model.seen import Observed
from twinstage.pipeline.beyond import Shared, shared

BRINGING = timedelta(seconds=5)
"""So soon after production changed its release, a mirror that is not whole is on its way: nothing to be alarmed by."""


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
    coming: tuple[ServiceName, ...] = ()
    """Not whole either, because production has a new release just now; not among ``amiss``."""
    shared: tuple[Shared, ...] = ()
    """Hosts beyond the company that staging calls as production does."""


def parity(
    services: Mapping[ServiceName, ServiceState],
    releases: Mapping[ReleaseId, Release],
    staging: Observed,
    behind: Mapping[ServiceName, Behind],
    since: Mapping[ServiceName, datetime] | None = None,
    changed: Mapping[ServiceName, datetime] | None = None,
) -> Parity:
    """``behind``: as ``wholeness.not_whole`` takes it. ``since``: when each service was first seen not whole, kept by the
    caller (its open mirror breaks). ``changed``: since when production has its release; a look that is hardly younger cannot
    show the mirror of it."""
    run = [svc for _, svc in sorted(services.items()) if svc.baseline is not None and not svc.removed]
    found = [missing for svc in run if (missing := not_whole(svc, releases, staging, behind)) is not None]
    times, fresh = since or {}, changed or {}
    stuck = {name for name, it in behind.items() if it.stuck}  # a migration that failed is nothing that comes by itself
    young = {name for name, at in fresh.items() if staging.at - at < BRINGING}
    coming = tuple(n.service for n in found if n.service in young - stuck)
    others = [n for n in found if n.service not in coming]
    amiss = tuple(Amiss(service=n.service, detail=n.detail, since=times.get(n.service)) for n in others)
    both = shared(releases[svc.baseline] for svc in run if svc.baseline is not None)
    return Parity(mirrored=len(run) - len(found), of=len(run), amiss=amiss, coming=coming, shared=both)
