"""Puts the API together. ``daemon.py`` serves it on the company's Unix socket."""

from fastapi import FastAPI

from twinstage.api import problems, routes
from twinstage.api.limits import BodyLimit
from twinstage.api.office import Office

ABOUT = """The controller of one company. It listens on a Unix socket that only the company's owner can open.

Reads answer at once, or are held until something changes. Everything else is asked for: the answer is **202** with an
*intent*, which the controller carries out and answers; `GET /v1/intents/{intent}?wait=10` waits for that.
What cannot be done is told as `application/problem+json`: title, detail, hint, and every mistake at once.
"""


def create_app(office: Office) -> FastAPI:
    """The API of the controller whose parts stand in ``office``."""
    app = FastAPI(
        title="Twinstage",
        version="1",
        description=ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.office = office
    app.add_middleware(BodyLimit)
    problems.install(app)
    routes.mount(app)
    return app
