"""Puts the API together. ``daemon.py`` serves it on the company's Unix socket."""

from collections.abc import Callable, Mapping
from datetime import datetime

from fastapi import FastAPI

from twinstage.api import problems, routes
from twinstage.api.limits import BodyLimit
from twinstage.api.office import Office
from twinstage.forge.mirror import Mirror
from twinstage.model.holding import Holding
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, JobId
from twinstage.model.release import Artifact
from twinstage.model.seen import Observed
from twinstage.runtime.runtime import Runtime
from twinstage.store.store import Store
from twinstage.vault import Vault

ABOUT = """The controller of one company. It listens on a Unix socket that only the company's owner can open.

Reads answer at once, or are held until something changes. Everything else is asked for: the answer is **202** with an
*intent*, which the controller carries out and answers; `GET /v1/intents/{intent}?wait=10` waits for that.
What cannot be done is told as `application/problem+json`: title, detail, hint, and every mistake at once.
"""


def create_app(
    *,
    store: Store,
    latest: Callable[[], Mapping[Ecosystem, Observed]],
    wake: Callable[[], None],
    mirror: Mirror,
    vault: Mapping[Ecosystem, Vault],
    runtime: Runtime,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
    holdings: Callable[[], tuple[Holding, ...]] = tuple,
    jobs: Callable[[], Mapping[JobId, Job]] = dict,
    intact: Callable[[Artifact], bool] = lambda _: True,
    hindered: Callable[[], str] = str,
) -> FastAPI:
    """``latest``: the controller's last look; ``wake``: called after each intent; ``now`` in UTC; ``holdings``: what takes
    up room, measured by those who have it; ``jobs``: its last look at
    them; ``intact``: is an artifact still what its build made; ``hindered``: what kept its last tick from its end, or empty."""
    app = FastAPI(
        title="Twinstage",
        version="1",
        description=ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.office = Office(
        store=store,
        latest=latest,
        wake=wake,
        mirror=mirror,
        vault=vault,
        runtime=runtime,
        now=now,
        new_id=new_id,
        holdings=holdings,
        jobs=jobs,
        intact=intact,
        hindered=hindered,
    )
    app.add_middleware(BodyLimit)
    problems.install(app)
    routes.mount(app)
    return app
