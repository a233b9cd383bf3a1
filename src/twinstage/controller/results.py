"""What came of jobs: their results, the evidence of gates, the releases of builds."""

import logging
from dataclasses import dataclass, field, replace

from twinstage.artifacts.identity import release_id
from twinstage.artifacts.shelf import Damaged
from twinstage.config.problems import Problems
from twinstage.controller.deciding import TWINSTAGE
from twinstage.controller.means import Means
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.forge.git import ForgeTrouble
from twinstage.jobs.results import evidence
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.release import Artifact, Definition, Evidence, Release
from twinstage.model.rollout import Rollout, State
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
    journal: list[Entry] = field(default_factory=list)


def of(means: Means, situation: Situation, sight: Sight) -> Worked:
    """Every recorded job that has ended since, or is seen to have started."""
    worked = Worked()
    if sight.jobs is None:
        return worked
    for job in means.store.jobs(unfinished=True):
        rollout = situation.rollouts.get(job.rollout)
        ended = _now(job, sight.jobs.get(job.id), rollout)
        if ended == job:
            continue
        if ended.result is None or rollout is None or not wanted(job, rollout):
            worked.jobs.append(ended)
        elif job.kind is JobKind.BUILD and ended.result is JobResult.SUCCEEDED:
            _built(worked, ended, rollout, means, situation)
        else:
            worked.jobs.append(ended)
            if (shown := evidence(ended, rollout.tree, sight.at)) is not None:
                worked.evidence.append(shown)
    worked.journal += [_entry(job) for job in worked.jobs if job.result is not None]
    return worked


def needed(rollout: Rollout | None) -> bool:
    """Do its jobs still matter? A rollout that retreats or is over has them stopped."""
    return rollout is not None and rollout.open and rollout.state is not State.RETREATING


def wanted(job: Job, rollout: Rollout | None) -> bool:
    """Does this job's result still matter? Not where its phase is skipped, either."""
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


def _now(job: Job, seen: Job | None, rollout: Rollout | None) -> Job:
    """The recorded job with what the runtime says of it. A job that nobody needs and nobody knows was stopped."""
    if seen is None:
        return job if wanted(job, rollout) else replace(job, result=JobResult.STOPPED)
    return replace(
        job,
        result=seen.result,
        exit_status=seen.exit_status,
        started=seen.started,
        ended=seen.ended,
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


def _entry(job: Job) -> Entry:
    status = "" if job.exit_status is None else f" with exit status {job.exit_status}"
    result = "stopped" if job.result is None else job.result.value
    return Entry(
        who=TWINSTAGE,
        what="job",
        why=f"{job.name} {result}{status}",
        service=job.service,
        rollout=job.rollout,
        release=job.release,
        after=f"{job.id} {result}",
    )
