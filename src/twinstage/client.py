"""Speaks to a company's controller: the only way by which the command line reaches it.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from twinstage import wire
from twinstage.config.wire import encode
from twinstage.model.names import Phase
from twinstage.model.policy import EcosystemFile

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


class Client:
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

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # ------------------------------------------------------------------------------------------------------- reads

    def status(self, *, after: str | None = None, wait: float = 0) -> wire.Status:
        """Everything. With ``after`` it is held until something changes, ``wait`` seconds at most."""
        return self._read("/v1/status", wire.Status, {"after": after, "wait": _bounded(wait)}, wait)

    def services(self) -> list[wire.ServiceRow]:
        return self._list("/v1/services", TypeAdapter(list[wire.ServiceRow]), {})

    def service(self, name: str) -> wire.Service:
        return self._read(f"/v1/services/{_segment(name)}", wire.Service)

    def rollouts(
        self, *, service: str | None = None, release: str | None = None, open_only: bool = False, limit: int = 50
    ) -> list[wire.Rollout]:
        """Newest first."""
        query: Query = {"service": service, "release": release, "open": open_only or None, "limit": limit}
        return self._list("/v1/rollouts", TypeAdapter(list[wire.Rollout]), query)

    def rollout(self, rollout: str) -> wire.Rollout:
        return self._read(f"/v1/rollouts/{_segment(rollout)}", wire.Rollout)

    def why(self, rollout: str) -> wire.Journey:
        return self._read(f"/v1/rollouts/{_segment(rollout)}/why", wire.Journey)

    def journal(
        self, *, after: int = 0, service: str | None = None, rollout: str | None = None, limit: int = 200
    ) -> list[wire.JournalEntry]:
        """Entries with ``seq`` > after, oldest first."""
        query: Query = {"after": after, "service": service, "rollout": rollout, "limit": limit}
        return self._list("/v1/journal", TypeAdapter(list[wire.JournalEntry]), query)

    def history(self, *, service: str | None = None, limit: int = 20) -> list[wire.Passage]:
        """Newest first."""
        return self._list("/v1/history", TypeAdapter(list[wire.Passage]), {"service": service, "limit": limit})

    def boundary(self) -> wire.Boundary:
        return self._read("/v1/boundary", wire.Boundary)

    def log(self, source: str, offset: int = 0) -> Iterator[bytes]:
        """The log of an instance or a job from that byte on, to its present end. Negative: before the end."""
        request = self._http.build_request("GET", f"/v1/logs/{_segment(source)}", params={"offset": offset})
        response = self._persist(lambda: self._http.send(request, stream=True))
        try:
            if response.is_error:
                response.read()
                raise _complaint(response)
            yield from response.iter_bytes()
        except httpx.TransportError as trouble:
            raise Unreachable(
                f"cannot read the log of {source}: the controller went away ({trouble}); ask again"
            ) from None
        finally:
            response.close()

    def commits(self, service: str) -> list[str]:
        """Ids of commits that the controller's mirror of the repository has."""
        return self._read(f"/v1/services/{_segment(service)}/commits", wire.Commits).commits

    # --------------------------------------------------------------------------------------------------- mutations

    def configure(self, file: EcosystemFile, by: str) -> wire.Intent:
        return self._write("PUT", "/v1/ecosystem", wire.Intent, json=encode(file), params={"by": by})

    def upload(self, service: str, commit: str, pack: bytes) -> wire.Received:
        """Give the controller a git pack with what its mirror lacks of the commit."""
        url = f"/v1/services/{_segment(service)}/commits/{commit}"
        return self._write("PUT", url, wire.Received, content=pack, headers={"Content-Type": PACK})

    def submit(self, service: str, commit: str, by: str) -> wire.Intent:
        document = {"commit": commit, "by": by}
        return self._write("POST", f"/v1/services/{_segment(service)}/rollouts", wire.Intent, json=document)

    def abort(self, rollout: str, *, by: str, why: str) -> wire.Intent:
        return self._order(f"/v1/rollouts/{_segment(rollout)}/abort", by, why)

    def skip(self, rollout: str, phases: Sequence[Phase], *, by: str, why: str) -> wire.Intent:
        document = {"by": by, "why": why, "phases": list(phases)}
        return self._write("POST", f"/v1/rollouts/{_segment(rollout)}/skip", wire.Intent, json=document)

    def rollback(self, service: str, *, by: str, why: str) -> wire.Intent:
        return self._order(f"/v1/services/{_segment(service)}/rollback", by, why)

    def resume(self, service: str, *, by: str, why: str) -> wire.Intent:
        return self._order(f"/v1/services/{_segment(service)}/resume", by, why)

    def freeze(self, service: str | None, *, by: str, why: str, until: datetime | None = None) -> wire.Intent:
        """``service`` None: every one. ``until`` None: for as long as the controller says."""
        document = {"by": by, "why": why} | ({"until": until.isoformat()} if until else {})
        return self._write("POST", f"{_scope(service)}/freeze", wire.Intent, json=document)

    def unfreeze(self, service: str | None, *, by: str, why: str) -> wire.Intent:
        return self._order(f"{_scope(service)}/unfreeze", by, why)

    def intent(self, intent: str, *, wait: float = 0) -> wire.Intent:
        return self._read(f"/v1/intents/{_segment(intent)}", wire.Intent, {"wait": _bounded(wait)}, wait)

    def answered(self, intent: wire.Intent, *, within: float = 60.0) -> wire.Intent:
        """The same intent once the controller has answered it. Broken when that takes longer than ``within``."""
        end = self._clock() + within
        while intent.answered is None:
            left = end - self._clock()
            if left <= 0:
                raise Broken(
                    f"cannot tell yet what becomes of {intent.verb} ({intent.id}): the controller of {self._name} has"
                    f" not answered for {within:.0f} s; it stays asked, see `twinstage status`"
                )
            intent = self.intent(intent.id, wait=min(left, LONGEST_POLL))
        return intent

    # ------------------------------------------------------------------------------------------------------ inside

    def _order(self, url: str, by: str, why: str) -> wire.Intent:
        return self._write("POST", url, wire.Intent, json={"by": by, "why": why})

    def _read(self, url: str, kind: type[D], query: Query | None = None, wait: float = 0) -> D:
        return self._parse(self._get(url, query or {}, wait), kind.model_validate_json)

    def _list(self, url: str, kind: TypeAdapter[list[D]], query: Query) -> list[D]:
        return self._parse(self._get(url, query, 0), kind.validate_json)

    def _get(self, url: str, query: Query, wait: float) -> httpx.Response:
        params = {k: v for k, v in query.items() if v is not None}
        timeout = httpx.Timeout(30.0 + _bounded(wait), connect=5.0)
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
            raise _complaint(response)
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


PACK = "application/x-git-packed-objects"


def _bounded(wait: float) -> float:
    return max(0.0, min(wait, LONGEST_POLL))


def _segment(text: str) -> str:
    """What a person typed, as one segment of a path. A slash or a space in it must not become another address."""
    return quote(text, safe="") or "-"


def _scope(service: str | None) -> str:
    return "/v1" if service is None else f"/v1/services/{_segment(service)}"


def _complaint(response: httpx.Response) -> ClientTrouble:
    try:
        problem = wire.Problem.model_validate_json(response.content)
    except ValidationError:
        problem = wire.Problem(
            title=f"HTTP {response.status_code}", detail=response.text[:500], status=response.status_code
        )
    if response.status_code >= 500:
        return Broken(f"{problem.title}: {problem.detail}" + (f"; {problem.hint}" if problem.hint else ""))
    return Refused(problem)
