"""Which services' own databases in staging are not where production's release needs them, and why."""

from collections.abc import Mapping, Set

from twinstage.model.database import Behind, DataKey
from twinstage.model.names import Ecosystem, ReleaseId, ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import ServiceState
from twinstage.pipeline import databases
from twinstage.pipeline.keys import baseline_key, data_key
from twinstage.store.store import Store


def behind(
    store: Store,
    services: Mapping[ServiceName, ServiceState],
    releases: Mapping[ReleaseId, Release],
    ready: Set[DataKey],
) -> dict[ServiceName, Behind]:
    """By service. While one is there its mirror is not whole, and unless it is stuck no lane gets clones of it."""
    found: dict[ServiceName, Behind] = {}
    for svc in services.values():
        key = baseline_key(svc, Ecosystem.STAGING)
        if key is None or svc.removed or not releases[key.release].definition.databases:
            continue
        if (data := data_key(key)) not in ready:
            alone = [job for job in store.data_jobs(data) if job.rollout is None]
            found[svc.service] = databases.behind(data, releases[key.release], alone)
    return found
