"""The wire to a company's controller: sends, sends again while it is being started, and tells what went wrong.

Errors, as a caller meets them::

    ClientTrouble
    ├── Unreachable   nothing answers on the socket (exit status 4)
    ├── Refused       the controller says no, with a problem document (2 or 3)
    └── Broken        the controller answered, but with trouble of its own (4)

A controller may be restarted at any moment, so a call is sent again until the client's patience is over. That is safe
for mutations too: each carries a key of the client's making, and the controller writes one intent a key.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from twinstage import wire

A = TypeVar("A")
D = TypeVar("D", bound=wire.Document)
Query = Mapping[str, str | int | float | bool | None]

LONGEST_POLL = 10.0
"""Seconds that the controller holds a long poll at most."""


class ClientTrouble(Exception):
    """Root of what a client raises."""


class Unreachable(ClientTrouble):
    """Nobody answers on the socket."""


class Refused(ClientTrouble):
    """The controller says no. ``problem`` says why and what to do."""

    def __init__(self, problem: wire.Problem) -> None:
        super().__init__(f"{problem.title}: {problem.detail}")
        self.problem = problem


class Broken(ClientTrouble):
    """The controller answered with trouble of its own, or with what this client does not understand."""


class Connection:
    """One company's controller. ``patience`` and all waits are seconds on ``clock``, which only goes forward."""

    def __init__(
        self,
        socket: Path,
        *,
        name: str = "",
        patience: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        new_key: Callable[[], str] = lambda: uuid.uuid4().hex,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._socket = socket
        self._name = name or socket.parent.parent.name
        self._patience, self._clock, self._sleep = patience, clock, sleep
        self._new_key, self._notice = new_key, notice
        # One connection a call: a kept one to a controller that was killed only fails later and less clearly.
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket), limits=httpx.Limits(max_keepalive_connections=0)),
            base_url="http://twinstage",
            timeout=httpx.Timeout(30.0, connect=5.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def _order(self, url: str, by: str, why: str) -> wire.Intent:
        return self._write("POST", url, wire.Intent, json={"by": by, "why": why})

    def _read(self, url: str, kind: type[D], query: Query | None = None, wait: float = 0) -> D:
        return self._parse(self._get(url, query or {}, wait), kind.model_validate_json)

    def _list(self, url: str, kind: TypeAdapter[list[D]], query: Query) -> list[D]:
        return self._parse(self._get(url, query, 0), kind.validate_json)

    def _get(self, url: str, query: Query, wait: float) -> httpx.Response:
        params = {k: v for k, v in query.items() if v is not None}
        timeout = httpx.Timeout(30.0 + bounded(wait), connect=5.0)
        return self._checked(lambda: self._http.get(url, params=params, timeout=timeout))

    def _write(self, method: str, url: str, kind: type[D], **content: Any) -> D:
        headers = {"Idempotency-Key": self._new_key(), **content.pop("headers", {})}
        timeout = httpx.Timeout(120.0, connect=5.0)
        response = self._checked(lambda: self._http.request(method, url, headers=headers, timeout=timeout, **content))
        return self._parse(response, kind.model_validate_json)

    def _parse(self, response: httpx.Response, parse: Callable[[bytes], A]) -> A:
        try:
            return parse(response.content)
        except ValidationError as trouble:
            raise Broken(
                f"cannot understand the controller of {self._name}: {trouble.error_count()} fields of its answer to"
                f" {response.request.url.path} are not as expected; it may be of another version: restart it with"
                " `twinstage down` and `twinstage up`"
            ) from trouble

    def _checked(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        response = self._persist(call)
        if response.is_error:
            raise complaint(response)
        return response

    def _persist(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        """Call until somebody answers. Where not even the socket's directory is, nobody was started: no patience."""
        start, told = self._clock(), False
        while True:
            try:
                return call()
            except (httpx.TransportError, OSError) as trouble:
                waited = self._clock() - start
                if waited >= self._patience or not self._socket.parent.is_dir():
                    raise self._unreachable(trouble, waited) from None
                if waited >= 1.0 and not told:
                    self._notice(f"the controller of {self._name} does not answer; trying for {self._patience:.0f} s")
                    told = True
                self._sleep(min(0.1 + waited / 10, 1.0, max(0.01, self._patience - waited)))

    def _unreachable(self, trouble: Exception, waited: float) -> Unreachable:
        if isinstance(trouble, httpx.TimeoutException):
            return Unreachable(
                f"cannot reach the controller of {self._name}: it did not answer in time on {self._socket}"
            )
        if isinstance(trouble, httpx.ConnectError) and "ermission" in str(trouble):
            cause = f"{self._socket} belongs to somebody else; run this as the user who ran `twinstage up`"
            return Unreachable(f"cannot reach the controller of {self._name}: {cause}")
        tried = f" (tried for {waited:.0f} s)" if waited >= 1.5 else ""
        return Unreachable(
            f"cannot reach the controller of {self._name}: nothing listens on {self._socket}{tried}; start it with"
            " `twinstage up`"
        )


def bounded(wait: float) -> float:
    return max(0.0, min(wait, LONGEST_POLL))


def complaint(response: httpx.Response) -> ClientTrouble:
    try:
        problem = wire.Problem.model_validate_json(response.content)
    except ValidationError:
        problem = wire.Problem(
            title=f"HTTP {response.status_code}", detail=response.text[:500], status=response.status_code
        )
    return trouble_of(problem, response.status_code)


def trouble_of(problem: wire.Problem, status: int) -> ClientTrouble:
    if status >= 500:
        return Broken(f"{problem.title}: {problem.detail}" + (f"; {problem.hint}" if problem.hint else ""))
    return Refused(problem)
