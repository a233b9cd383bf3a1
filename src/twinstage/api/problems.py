"""What goes wrong, as ``application/problem+json``: the operation and its object, the cause, then what to do."""

import difflib
import logging
from collections.abc import Iterable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from twinstage import wire
from twinstage.store.trouble import StoreTrouble, Unknown

_ROOM = "is there room on the disk? `twinstage disk` shows what is held, `twinstage prune` lets go of what nobody needs"
MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


class Trouble(Exception):
    """An answer that is not what was asked for. ``mistakes`` are shown all at once."""

    def __init__(self, status: int, title: str, detail: str, hint: str = "", mistakes: Iterable[str] = ()) -> None:
        super().__init__(f"{title}: {detail}")
        self.problem = wire.Problem(
            title=title,
            detail=detail,
            hint=hint,
            status=status,
            mistakes=[wire.Mistake(text=text) for text in mistakes],
        )


def nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else ""


def answer(problem: wire.Problem) -> Response:
    return Response(problem.model_dump_json(), status_code=problem.status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    app.exception_handler(Trouble)(_trouble)
    app.exception_handler(Unknown)(_unknown)
    app.exception_handler(StoreTrouble)(_store)
    app.exception_handler(DBAPIError)(_database)
    app.exception_handler(OSError)(_machine)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(Exception)(_unexpected)


async def _trouble(_: Request, trouble: Trouble) -> Response:
    return answer(trouble.problem)


async def _unknown(_: Request, trouble: Unknown) -> Response:
    title, _colon, detail = str(trouble).partition(": ")
    detail, _semicolon, hint = detail.partition("; ")
    return answer(wire.Problem(title=title, detail=detail, hint=hint, status=404))


async def _store(request: Request, trouble: StoreTrouble) -> Response:
    title = f"cannot {_what(request)}"
    return answer(wire.Problem(title=title, detail=str(trouble), hint="ask again in a moment", status=503))


async def _database(request: Request, trouble: DBAPIError) -> Response:
    """A full disk, mostly."""
    log.error("cannot %s: %s", _what(request), trouble.orig)
    title, detail = f"cannot {_what(request)}", f"the store could not be used: {trouble.orig}; nothing was changed"
    return answer(wire.Problem(title=title, detail=detail, hint=_ROOM, status=503))


async def _machine(request: Request, trouble: OSError) -> Response:
    log.error("cannot %s: %s", _what(request), trouble)
    title, detail = f"cannot {_what(request)}", f"the controller's machine refused: {trouble.strerror or trouble}"
    return answer(wire.Problem(title=title, detail=detail, hint=_ROOM, status=503))


async def _invalid(request: Request, trouble: RequestValidationError) -> Response:
    mistakes = []
    for error in trouble.errors():
        place = ".".join(str(part) for part in error["loc"])
        mistakes.append(wire.Mistake(text=f"{place}: {error['msg']}"))
    return answer(
        wire.Problem(
            title=f"cannot {_what(request)}",
            detail="what was sent is not as described in /v1/openapi.json",
            status=422,
            mistakes=mistakes,
        )
    )


async def _http(request: Request, trouble: HTTPException) -> Response:
    hint = "/v1/openapi.json describes every route"
    title = f"cannot {_what(request)}"
    return answer(wire.Problem(title=title, detail=str(trouble.detail), hint=hint, status=trouble.status_code))


async def _unexpected(request: Request, trouble: Exception) -> Response:
    log.error("cannot %s", _what(request), exc_info=trouble)
    return answer(
        wire.Problem(
            title=f"cannot {_what(request)}",
            detail=f"the controller itself failed: {type(trouble).__name__}: {trouble}",
            hint="its log has the traceback",
            status=500,
        )
    )


def _what(request: Request) -> str:
    return f"{request.method} {request.url.path}"
