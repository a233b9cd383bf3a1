"""What is done to databases, as jobs. Pure; see specs.py for those of gates and of verifications.

A rollout's ids are ``{rollout}.{kind}.{ecosystem}-{name}.{round}.{attempt}``; of work that no rollout waits for they are
``{ecosystem}.{data}.{release}.{kind}.{name}.{attempt}``.
"""

from dataclasses import replace
from datetime import timedelta

from twinstage.jobs.specs import CONSTANTS
from twinstage.model.database import DataKey
from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, JobId, Place
from twinstage.model.policy import Policy
from twinstage.model.release import Release
from twinstage.model.rollout import Rollout

ALL = "databases"
"""Name of the jobs that are about all of a service's databases."""

OWN = timedelta(minutes=10)
"""What Twinstage's own work on databases may take: cloning copies all that staging has."""

DATA = frozenset({JobKind.PREPARE, JobKind.MIGRATE, JobKind.DROP})


def key_of(job: Job) -> DataKey | None:
    """Which data it is about; None for other jobs."""
    if job.kind not in DATA or job.release is None or job.place is Place.WORKSHOP:
        return None
    return DataKey(ecosystem=Ecosystem(job.place.value), service=job.service, data=job.data, release=job.release)


def prepare_job(key: DataKey, release: Release, rollout: Rollout | None, attempt: int) -> Job:
    """Roles and databases exist; a lane's are clones. Has no command: it is the runtime's own work."""
    return _job(key, release, rollout, JobKind.PREPARE, ALL, attempt)


def drop_job(key: DataKey, release: Release, attempt: int) -> Job:
    """A lane's databases and roles go, whatever release made them."""
    return _job(key, release, None, JobKind.DROP, ALL, attempt)


def migrate_job(
    key: DataKey, release: Release, database: str, rollout: Rollout | None, source: str, policy: Policy, attempt: int
) -> Job:
    """The release's command for one database, in a copy of ``source``, with the ecosystem's values."""
    job = _job(key, release, rollout, JobKind.MIGRATE, database, attempt)
    values = {name: by[key.ecosystem] for name, by in release.definition.config.items()}
    return replace(
        job,
        command=release.definition.databases[database] or "",
        # A standard that was stored before there were migrations does not say.
        limit=policy.limits.get("migrate", Policy().limits["migrate"]),
        bounds=policy.bounds,
        source=source,
        artifact=release.artifact,
        env={**CONSTANTS, **values},
    )


def _job(key: DataKey, release: Release, rollout: Rollout | None, kind: JobKind, name: str, attempt: int) -> Job:
    round = rollout.round if rollout is not None else 0
    return Job(
        id=_id(key, rollout, kind, name, attempt),
        kind=kind,
        name=name,
        place=Place(key.ecosystem.value),
        rollout=rollout.id if rollout is not None else None,
        service=key.service,
        commit=release.commit,
        round=round,
        attempt=attempt,
        command="",
        limit=OWN,
        source="",
        release=release.id,
        databases=(name,) if kind is JobKind.MIGRATE else tuple(release.definition.databases),
        data=key.data,
    )


def _id(key: DataKey, rollout: Rollout | None, kind: JobKind, name: str, attempt: int) -> JobId:
    if rollout is not None:
        return JobId(f"{rollout.id}.{kind.value}.{key.ecosystem.value}-{name}.{rollout.round}.{attempt}")
    return JobId(f"{key.ecosystem.value}.{key.data}.{key.release}.{kind.value}.{name}.{attempt}")
