"""What people are told of databases. Pure but for the store's reads."""

from collections.abc import Iterator, Mapping, Sequence

from twinstage import wire
from twinstage.model.database import MAIN, Behind, Migration
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout, ServiceState
from twinstage.pipeline.keys import baseline_key, data_key
from twinstage.store.store import Store


def of_service(store: Store, service: ServiceState, behind: Mapping[ServiceName, Behind]) -> list[wire.Database]:
    """Those of what production runs, in both ecosystems, production's first."""
    if service.baseline is None:
        return []
    release, migrations, ready = store.release(service.baseline), store.migrations(service.service), store.ready()
    found = []
    for ecosystem in Ecosystem:
        key = baseline_key(service, ecosystem)
        there = key is not None and data_key(key) in ready
        source = behind.get(service.service) if ecosystem is Ecosystem.STAGING else None
        found += list(_of(release, ecosystem, migrations, there, source.why if source else ""))
    return found


def _of(
    release: Release, ecosystem: Ecosystem, migrations: Sequence[Migration], ready: bool, why: str
) -> Iterator[wire.Database]:
    own = [m for m in migrations if m.key.ecosystem is ecosystem and m.key.data == MAIN]
    for name in release.definition.databases:
        mine = [m for m in own if m.database == name]
        changing = [m for m in mine if m.changed]
        yield wire.Database(
            name=name,
            ecosystem=ecosystem.value,
            ready=ready,
            detail="" if ready else why,
            migrated=migration(mine[-1]) if mine else None,
            changed=migration(changing[-1]) if changing else None,
        )


def of_rollout(store: Store, rollout: Rollout) -> list[wire.Migration]:
    """All that its release did, in whatever ecosystem, oldest first; of another rollout of the same release nothing."""
    return [
        migration(m)
        for m in store.migrations(rollout.service)
        if m.key.release == rollout.release and m.rollout in (rollout.id, None)
    ]


def changed_in_production(migrations: Sequence[wire.Migration]) -> list[str]:
    """Names of databases."""
    own = [m for m in migrations if m.ecosystem == Ecosystem.PRODUCTION and m.data == MAIN and m.changed]
    return sorted({m.database for m in own})


def migration(it: Migration) -> wire.Migration:
    return wire.Migration(
        ecosystem=it.key.ecosystem.value,
        data=it.key.data,
        database=it.database,
        release=it.key.release,
        rollout=it.rollout,
        job=it.job,
        at=it.at,
        changed=it.changed,
        before=it.before,
        after=it.after,
    )
