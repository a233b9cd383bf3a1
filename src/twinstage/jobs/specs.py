"""What each job of a rollout is to do. Pure: a job is derived from the rollout, so making it twice makes the same one.

An id is ``{rollout}.{kind}.{name}.{round}.{attempt}``: the runtime never runs an id a second time, so a crash between
recording a job and starting it cannot run it twice.
"""

from collections.abc import Mapping

from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, JobId, Place, ServiceName
from twinstage.model.policy import Policy
from twinstage.model.release import Definition, Release
from twinstage.model.rollout import Rollout

CONSTANTS: Mapping[str, str] = {"CI": "true"}
"""What every job finds in its environment, whatever the definition says."""

REVIEW = "review"
"""The gate that is read from the commit and never is a job."""


class NoSuchGate(Exception):
    """The definition has no command for a gate. Look at ``definition.gates`` first: a lack is evidence."""


def job_id(rollout: Rollout, kind: JobKind, name: str, round: int, attempt: int) -> JobId:
    return JobId(f"{rollout.id}.{kind.value}.{name}.{round}.{attempt}")


def export_name(service: ServiceName, commit: str) -> str:
    """Name of a commit's export. The tar file is this name and ``.tar``."""
    return f"{service}-{commit}"


def build_job(
    rollout: Rollout, definition: Definition, location: str, source: str, policy: Policy, attempt: int
) -> Job:
    """Unpacks ``source`` at ``location``, runs the build there and seals it. An empty command: nothing to run."""
    return Job(
        id=job_id(rollout, JobKind.BUILD, "build", rollout.round, attempt),
        kind=JobKind.BUILD,
        name="build",
        place=Place.WORKSHOP,
        rollout=rollout.id,
        service=rollout.service,
        commit=rollout.commit,
        round=rollout.round,
        attempt=attempt,
        command=definition.build or "",
        limit=policy.limits["build"],
        bounds=policy.bounds,
        source=source,
        builds=location,
        env=dict(CONSTANTS),
        packages=True,
    )


def gate_job(rollout: Rollout, release: Release, gate: str, source: str, policy: Policy, attempt: int) -> Job:
    """A gate's command in a writable copy of ``source``. It gets nothing of the configuration.

    The throwaway databases that it declares are migrated first, as part of its command: so what fails there fails the gate.
    Raises NoSuchGate when the definition has no command for it.
    """
    if gate not in release.definition.gates:
        raise NoSuchGate(f"cannot run gate {gate} of {release.service}: its definition has no command for it")
    return Job(
        id=job_id(rollout, JobKind.GATE, gate, rollout.round, attempt),
        kind=JobKind.GATE,
        name=gate,
        place=Place.WORKSHOP,
        rollout=rollout.id,
        service=rollout.service,
        commit=rollout.commit,
        round=rollout.round,
        attempt=attempt,
        command=_migrated(release.definition, gate),
        limit=policy.limits["gates"],
        bounds=policy.bounds,
        source=source,
        artifact=release.artifact,
        release=release.id,
        env=dict(CONSTANTS),
        databases=release.definition.gate_databases.get(gate, ()),
    )


def _migrated(definition: Definition, gate: str) -> str:
    """Each on lines of its own: a command may end in a comment."""
    databases = definition.gate_databases.get(gate, ())
    commands = [command for name in databases if (command := definition.databases.get(name)) is not None]
    return "".join(f"(\n{command}\n) || exit $?\n" for command in commands) + definition.gates[gate]


def verify_job(rollout: Rollout, release: Release, source: str, policy: Policy, round: int, attempt: int) -> Job:
    """The definition's ``verify`` inside staging, with staging's values. An empty command: nothing to run.

    It may call its own frontend (to reach the candidate through its lane) and what the definition declares.
    """
    definition = release.definition
    values = {name: by[Ecosystem.STAGING] for name, by in definition.config.items()}
    return Job(
        id=job_id(rollout, JobKind.VERIFY, "verify", round, attempt),
        kind=JobKind.VERIFY,
        name="verify",
        place=Place.STAGING,
        rollout=rollout.id,
        service=rollout.service,
        commit=rollout.commit,
        round=round,
        attempt=attempt,
        command=definition.verify or "",
        limit=policy.limits["verify"],
        bounds=policy.bounds,
        source=source,
        artifact=release.artifact,
        release=release.id,
        lane=rollout.lane,
        calls=(release.service, *(name for name in definition.calls(Ecosystem.STAGING) if name != release.service)),
        env={**CONSTANTS, **values},
    )
