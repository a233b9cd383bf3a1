"""Decisions become calls of the runtime. Whatever does not answer is planned again by the next tick."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from twinstage.artifacts.readings import Unread
from twinstage.controller.deciding import decided
from twinstage.controller.means import Means
from twinstage.controller.results import needed, wanted
from twinstage.controller.sight import Sight
from twinstage.controller.situation import Situation
from twinstage.model.facts import Decision, Event
from twinstage.model.job import JobResult
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Artifact
from twinstage.model.rollout import Rollout
from twinstage.model.workload import WorkloadKey
from twinstage.plan.actions import (
    Action,
    DeleteRoute,
    DeleteWorkload,
    PutRoute,
    PutWorkload,
    StartJob,
    StopJob,
)
from twinstage.plan.plan import plan
from twinstage.runtime.runtime import Unavailable, Unfit
from twinstage.store.rows import Change

log = logging.getLogger(__name__)
Draining = Mapping[WorkloadKey, datetime]


def execute(means: Means, situation: Situation, sight: Sight, draining: Draining) -> Draining:
    """Every service in every ecosystem that was seen, then jobs. Returns what drains, for the next time."""
    left = {key: since for key, since in draining.items() if key.ecosystem not in sight.seen}
    for eco, seen in sight.seen.items():
        drains = {
            key: situation.releases[key.release].definition.web.drain
            for key in seen.workloads
            if key.release in situation.releases
        }
        for want in situation.wants[eco]:
            todo = plan(want, seen, draining, sight.at, drains, situation.ready)
            left.update(todo.draining)
            _carry_out(todo.actions, means, situation, sight)
    for job in job_actions(means, situation, sight):
        _carry_out((job,), means, situation, sight)
    return left


def job_actions(means: Means, situation: Situation, sight: Sight) -> list[Action]:
    """Recorded jobs that the runtime does not know are started, once more where that is not certain: it runs none twice.
    Jobs that nobody needs are stopped, and those whose results are recorded are forgotten."""
    if sight.jobs is None:
        return []
    unfinished = {job.id: job for job in means.store.jobs(unfinished=True)}
    actions: list[Action] = []
    for id, job in unfinished.items():
        if not wanted(job, situation, id in sight.jobs):
            actions += [StopJob(id=id)] if id in sight.jobs else []
        elif id not in sight.jobs:
            actions.append(StartJob(job=job))
    return actions + [StopJob(id=id) for id in sight.jobs if id not in unfinished]


def _carry_out(actions: tuple[Action, ...], means: Means, situation: Situation, sight: Sight) -> None:
    """In order; the first one that cannot be done ends it, since later ones may count on it."""
    for action in actions:
        artifact = _artifact(action)
        try:
            damaged = artifact is not None and not _intact(artifact, means)
        except Unread as trouble:
            log.info("%s: not yet: %s", _named(action), trouble)
            return
        if artifact is not None and damaged:
            _blame(action, "ARTIFACT_DAMAGED", artifact.location, means, situation, sight)
            return
        try:
            _do(action, means)
        except Unavailable as trouble:
            log.warning("%s: not done, or not known to be: %s", _named(action), trouble)
            return
        except Unfit as trouble:
            _blame(action, "UNFIT", str(trouble), means, situation, sight)
            return
        log.info("%s", _named(action))


def _do(action: Action, means: Means) -> None:
    runtime, fence = means.runtime, means.fence
    match action:
        case PutWorkload(workload=workload):
            runtime.put_workload(workload, fence)
        case DeleteWorkload(key=key):
            runtime.delete_workload(key, fence)
        case PutRoute(route=route):
            runtime.put_route(route, fence)
        case DeleteRoute(ecosystem=ecosystem, service=service):
            runtime.delete_route(ecosystem, service, fence)
        case StartJob(job=job):
            runtime.put_job(job, fence)
        case StopJob(id=id):
            runtime.delete_job(id, fence)


def _artifact(action: Action) -> Artifact | None:
    match action:
        case PutWorkload(workload=workload):
            return workload.artifact
        case StartJob(job=job):
            return job.artifact
        case _:
            return None


def _intact(artifact: Artifact, means: Means) -> bool:
    try:
        return means.shelf.intact(artifact)
    except Unread:
        raise
    except OSError as trouble:
        log.warning("cannot check the artifact at %s: %s", artifact.location, trouble)
        return False


def _blame(action: Action, code: str, detail: str, means: Means, situation: Situation, sight: Sight) -> None:
    """Its rollouts fail, in words. What production runs already is only told: nothing is taken away from users."""
    log.error("%s: impossible: %s", _named(action), detail)
    reason = Reason(code=code, owner=Owner.RELEASE, facts={"detail": detail})
    if isinstance(action, StartJob) and action.job.rollout is None:
        failed = replace(action.job, result=JobResult.FAILED, ended=sight.at, log_end=detail)
        means.store.commit(Change(at=sight.at, results=(failed,)))
    for rollout in situation.rollouts.values():
        present = means.store.rollout(rollout.id)
        if _is_of(action, rollout) and needed(present):
            service, decision = situation.services[rollout.service], Decision(event=Event.UNFIT, reason=reason)
            means.store.commit(decided(present, service, decision, situation.policy, sight.at))


def _is_of(action: Action, rollout: Rollout) -> bool:
    match action:
        case PutWorkload(workload=workload):
            return workload.key.release == rollout.release
        case StartJob(job=job):
            return job.rollout == rollout.id
        case _:
            return False


def _named(action: Action) -> str:
    match action:
        case PutWorkload(workload=w):
            return f"put {w.replicas} x {w.key.service} {w.key.release} in {w.key.ecosystem}"
        case DeleteWorkload(key=key):
            return f"delete {key.service} {key.release} in {key.ecosystem}"
        case PutRoute(route=route):
            split = ", ".join(f"{share} % {key.release}" for key, share in route.split) or "nowhere"
            return f"route {route.service} in {route.ecosystem}: {split}; {len(route.lanes)} lanes"
        case DeleteRoute(ecosystem=ecosystem, service=service):
            return f"delete the route of {service} in {ecosystem}"
        case StartJob(job=job):
            return f"start job {job.id}"
        case StopJob(id=id):
            return f"stop job {id}"
