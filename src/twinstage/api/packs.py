"""Commits that clients bring: which the controller's mirror has, and a pack with what it lacks.

The daemon's account need not be able to read anybody's repository, so whoever submits sends the objects.
"""

import tempfile
from typing import IO, Annotated

from fastapi import Path, Request
from starlette.concurrency import run_in_threadpool

from twinstage import wire
from twinstage.api.office import Here, Office
from twinstage.api.problems import Trouble
from twinstage.api.reads import Name
from twinstage.config.definition import FILE, definition
from twinstage.config.problems import Problems
from twinstage.forge.git import ForgeTrouble, Refused, UnknownRevision
from twinstage.model.rollout import ServiceState

Sha = Annotated[str, Path(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$", description="A full commit id.")]
IN_MEMORY = 1 << 20
"""Bytes of a pack that are kept in memory; a larger one goes through a temporary file."""


def list_commits(office: Here, service: Name) -> wire.Commits:
    return wire.Commits(commits=list(office.mirror.known(office.service(service).service)))


async def receive_commit(office: Here, service: Name, sha: Sha, request: Request) -> wire.Received:
    """The body is a git pack, thin or not; empty where the mirror lacks nothing."""
    state = await run_in_threadpool(office.service, service)
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as pack:
        async for chunk in request.stream():
            pack.write(chunk)
        pack.seek(0)
        return await run_in_threadpool(_receive, office, state, sha, pack)


def _receive(office: Office, state: ServiceState, sha: str, pack: IO[bytes]) -> wire.Received:
    title = f"cannot receive commit {sha[:7]} of {state.service}"
    try:
        office.mirror.receive(state.service, pack, sha)
        info = office.mirror.info(state.service, sha, state.path)
    except (Refused, UnknownRevision) as refused:
        hint = "the pack has to hold the commit and all it needs that the mirror lacks"
        raise Trouble(422, title, str(refused), hint) from None
    except ForgeTrouble as trouble:
        raise Trouble(503, title, str(trouble)) from trouble
    mistakes = _mistakes(office, state, info.commit)
    return wire.Received(commit=info.commit, tree=info.tree, subject=info.subject, mistakes=mistakes)


def _mistakes(office: Office, state: ServiceState, commit: str) -> list[str]:
    try:
        check_definition(office, state, commit)
    except Trouble as trouble:
        found = trouble.problem
        return [it.text for it in found.mistakes] or [found.detail]
    return []


def check_definition(office: Office, state: ServiceState, commit: str) -> None:
    """Every mistake of the commit's definition at once, before anything is built. Raises Trouble."""
    title = f"cannot submit commit {commit[:7]} of {state.service}"
    name = FILE if state.path in ("", ".") else f"{state.path.rstrip('/')}/{FILE}"
    try:
        text = office.mirror.show(state.service, commit, name)
    except (UnknownRevision, Refused):
        if not office.mirror.has(state.service, commit):
            hint = f"send it first: PUT /v1/services/{state.service}/commits/{commit}"
            raise Trouble(409, title, "the controller does not have this commit", hint) from None
        hint = "write the service's definition there, commit and submit again"
        raise Trouble(422, title, f"it has no file {name}", hint) from None
    except ForgeTrouble as trouble:
        raise Trouble(503, title, str(trouble)) from trouble
    services = [n for n, s in office.store.services().items() if not s.removed]
    policy = office.store.policy()
    try:
        definition(
            text,
            name,
            service=state.service,
            known=services,
            asked=policy.gates,
            public=policy.public,
            most=policy.bounds,
        )
    except Problems as problems:
        found = [str(problem) for problem in problems.problems]
        detail = f"its definition has {len(found)} mistake{'s' * (len(found) != 1)}"
        raise Trouble(422, title, detail, "mend, commit and submit again", found) from None
