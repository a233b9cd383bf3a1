"""No body is read further than its limit: a client that sends without end costs the controller nothing."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinstage import wire
from twinstage.api.problems import answer
from twinstage.model.secret import LONGEST

DOCUMENT = 1 << 20
"""Bytes of a JSON body at most."""
PACK = 512 << 20
"""Bytes of a git pack at most."""
SECRET = LONGEST + 1
"""Bytes of a secret's value: one more than is taken, so that too long a one is told in the value's own words."""


class _TooLarge(Exception):
    pass


class BodyLimit:
    """Counts what arrives, whatever the Content-Length says, and answers 413 where it is too much."""

    def __init__(self, app: ASGIApp, document: int = DOCUMENT, pack: int = PACK) -> None:
        self._app, self._document, self._pack = app, document, pack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._document
        if scope["method"] == "PUT":
            limit = self._pack if "/commits/" in scope["path"] else SECRET if "/secrets/" in scope["path"] else limit
        taken, started = 0, False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            if taken > limit and not started:
                raise _TooLarge  # what reads a body takes any trouble for a mistake in it, and would answer so
            started = True
            await send(message)

        try:
            if _announced(scope) > limit:
                raise _TooLarge
            await self._app(scope, counted, noted)
        except _TooLarge:
            if started:
                raise
            await answer(_too_large(scope, limit))(scope, receive, send)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _too_large(scope: Scope, limit: int) -> wire.Problem:
    return wire.Problem(
        title=f"cannot {scope['method']} {scope['path']}",
        detail=f"the body is larger than {f'{limit >> 20} MiB' if limit >> 20 else f'{limit >> 10} KiB'}",
        hint="what is larger than that does not belong there",
        status=413,
    )
