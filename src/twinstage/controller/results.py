"""What came of jobs: their results, the evidence of gates, the releases of builds."""

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime

from twinstage.artifacts.identity import release_id
from twinstage.artifacts.shelf import Damaged
from twinstage.config.problems import Problems
from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.means import Means
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.forge.git import ForgeTrouble
from twinstage.jobs.databases import DATA, key_of
from twinstage.jobs.results import evidence
from twinstage.model.database import MAIN, Migration
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.release import Artifact, Definition, Evidence, Release
from twinstage.model.rollout import Rollout, State
from twinstage.pipeline.beyond import news
from twinstage.pipeline.skip import left_out
from twinstage.store.rows import Entry

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Worked:
    """What is to be recorded about jobs."""

    jobs: list[Job] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    rollouts: list[tuple[Rollout, Rollout]] = field(default_factory=list)
    migrations: list[Migration] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)


def of(means: Means, situation: Situation, sight: Sight) -> Worked:
    """Every recorded job that has ended since, or is seen to have started."""
    worked = Worked()
    if sight.jobs is None:
        return worked
    for job in means.store.jobs(unfinished=True):
        rollout = situation.rollouts.get(job.rollout) if job.rollout else None
        seen = sight.jobs.get(job.id)
        needed_still = wanted(job, situation, seen is not None)
        ended = _now(job, seen, needed_still, sight.at)
        if ended == job:
            continue
        _migrated(worked, ended)
        if ended.result is None or rollout is None or not needed_still:
            worked.jobs.append(ended)
        elif job.kind is JobKind.BUILD and ended.result is JobResult.SUCCEEDED:
            _built(worked, ended, rollout, means, situation)
        else:
            worked.jobs.append(ended)
            if (shown := evidence(ended, rollout.tree, sight.at)) is not None:
                worked.evidence.append(shown)
    worked.journal += [_entry(job) for job in worked.jobs if job.result is not None and not _tells_nothing(job)]
    return worked


def needed(rollout: Rollout | None) -> bool:
    """Do its jobs still matter? A rollout that retreats or is over has them stopped."""
    return rollout is not None and rollout.open and rollout.state is not State.RETREATING


def wanted(job: Job, situation: Situation, there: bool) -> bool:
    """Does this job's result still matter? Not where its phase is skipped, either. ``there``: the runtime has it.

    Work on an ecosystem's own data is never cut short: half a migration is worse than one too many.
    """
    if job.kind in (JobKind.DROP, JobKind.PROBE) or (job.kind in DATA and job.data == MAIN and there):
        return True
    if job.rollout is None:
        svc = situation.services.get(job.service)
        return svc is not None and not svc.removed and svc.baseline == job.release
    rollout = situation.rollouts.get(job.rollout)
    return rollout is not None and needed(rollout) and not left_out(job, rollout)


def made(rollout: Rollout, definition: Definition, artifact: Artifact) -> Release:
    """The release of this commit with what was built from it."""
    return Release(
        id=release_id(rollout.commit, artifact.digest, definition),
        service=rollout.service,
        commit=rollout.commit,
        tree=rollout.tree,
        artifact=artifact,
        definition=definition,
    )


def _now(job: Job, seen: Job | None, needed_still: bool, now: datetime) -> Job:
    """The recorded job with what the runtime says of it. A job that nobody needs and nobody knows was stopped."""
    if seen is None:
        return job if needed_still else replace(job, result=JobResult.STOPPED)
    # What is done to databases is tried again some time after its end, so that must be known also of what was lost.
    ended = now if job.kind in (*DATA, JobKind.PROBE) and seen.result is not None and seen.ended is None else seen.ended
    return replace(
        job,
        result=seen.result,
        exit_status=seen.exit_status,
        started=seen.started,
        ended=ended,
        output=seen.output,
        log_end=seen.log_end,
    )


def _built(worked: Worked, job: Job, rollout: Rollout, means: Means, situation: Situation) -> None:
    """Seals what the build made. While forge or disk give trouble the job simply stays unfinished, and is looked at again."""
    try:
        artifact = means.shelf.seal(job.builds or "", job.output.get("digest", ""))
        definition = means.shelf.definition(situation.services[rollout.service], rollout.commit)
    except Damaged as trouble:
        worked.jobs.append(replace(job, result=JobResult.FAILED, exit_status=None, log_end=f"{job.log_end}\n{trouble}"))
        return
    except (ForgeTrouble, Problems, OSError) as trouble:
        log.warning("cannot seal the build of %s in rollout %s: %s", rollout.service, rollout.id, trouble)
        return
    release = made(rollout, definition, artifact)
    worked.jobs.append(job)
    worked.releases.append(release)
    worked.rollouts.append((rollout, replace(rollout, release=release.id)))
    live = situation.services[rollout.service].baseline
    if words := news(release, situation.releases[live] if live else None):
        line = Entry(
            who=TWINSTAGE,
            what="outside",
            why=words,
            service=rollout.service,
            rollout=rollout.id,
            release=release.id,
        )
        worked.journal.append(line)


def _migrated(worked: Worked, job: Job) -> None:
    """What a migration changed, also where it failed: half of it may be there."""
    key, before = key_of(job), job.output.get("schema_before")
    if job.kind is not JobKind.MIGRATE or key is None or job.ended is None or not before:
        return
    # What a lost one left is not known; the next one's ``before`` tells.
    after = job.output.get("schema_after") or before
    migration = Migration(
        key=key, database=job.name, job=job.id, rollout=job.rollout, at=job.ended, before=before, after=after
    )
    worked.migrations.append(migration)
    if migration.changed:
        where = key.ecosystem.value if key.data == MAIN else f"lane {key.data}"
        line = Entry(
            who=TWINSTAGE,
            what="schema",
            why=f"{key.release} changed the schema of {job.name} in {where}",
            service=job.service,
            rollout=job.rollout,
            release=key.release,
            before=before[:12],
            after=after[:12],
        )
        worked.journal.append(line)


def _entry(job: Job) -> Entry:
    status = "" if job.exit_status is None else f" with exit status {job.exit_status}"
    result = "stopped" if job.result is None else job.result.value
    return Entry(
        who=TWINSTAGE,
        what="job",
        why=f"{_named(job)} {result}{status}",
        service=job.service,
        rollout=job.rollout,
        release=job.release,
        after=f"{job.id} {result}",
    )


def _tells_nothing(job: Job) -> bool:
    """A probe that was stopped everywhere, once an hour, or was lost: the journal is for what happened; status tells of both."""
    return job.kind is JobKind.PROBE and not job.output.get("passed")


def _named(job: Job) -> str:
    if job.kind is JobKind.PROBE:
        passed = job.output.get("passed")
        return f"probe of {job.place.value}'s boundary" + (f" (which it passed: {passed})" if passed else "")
    if job.kind not in DATA:
        return job.name
    what = f"migration of {job.name}" if job.kind is JobKind.MIGRATE else f"{job.kind.value} of its databases"
    return f"{what} in {job.place.value}" if job.data == MAIN else f"{what} in lane {job.data}"
