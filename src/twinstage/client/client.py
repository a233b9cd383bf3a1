"""Everything that a company's controller can be asked, one method each."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from twinstage import wire
from twinstage.client.connection import LONGEST_POLL, Broken, Connection, Query, Unreachable, bounded, complaint
from twinstage.model.names import Ecosystem, Phase
from twinstage.model.policy import EcosystemFile

PACK = "application/x-git-packed-objects"


class Client(Connection):
    """One company's controller. A context manager: it closes its connections."""

    # ------------------------------------------------------------------------------------------------------- reads

    def status(self, *, after: str | None = None, wait: float = 0) -> wire.Status:
        """Everything. With ``after`` it is held until something changes, ``wait`` seconds at most."""
        return self._read("/v1/status", wire.Status, {"after": after, "wait": bounded(wait)}, wait)

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
        self,
        *,
        after: int = 0,
        service: str | None = None,
        rollout: str | None = None,
        what: str | None = None,
        newest: bool = False,
        limit: int = 200,
    ) -> list[wire.JournalEntry]:
        """Entries with ``seq`` > after, oldest first; ``newest``: the last ones, not the first."""
        query: Query = {"after": after, "service": service, "rollout": rollout, "what": what, "limit": limit}
        query = {**query, "newest": newest or None}
        return self._list("/v1/journal", TypeAdapter(list[wire.JournalEntry]), query)

    def history(self, *, service: str | None = None, limit: int = 20) -> list[wire.Passage]:
        """Newest first."""
        return self._list("/v1/history", TypeAdapter(list[wire.Passage]), {"service": service, "limit": limit})

    def boundary(self) -> wire.Boundary:
        return self._read("/v1/boundary", wire.Boundary)

    def suggestions(self, service: str) -> wire.Suggestions:
        return self._read(f"/v1/services/{_segment(service)}/suggestions", wire.Suggestions)

    def doctor(self) -> wire.Examination:
        return self._read("/v1/doctor", wire.Examination, wait=LONGEST_POLL)

    def disk(self) -> wire.Disk:
        return self._read("/v1/disk", wire.Disk)

    def secrets(self, *, service: str | None = None) -> list[wire.Secret]:
        """Which are set and which are lacking; never a value."""
        return self._list("/v1/secrets", TypeAdapter(list[wire.Secret]), {"service": service})

    def log(self, source: str, offset: int = 0) -> Iterator[bytes]:
        """The log of an instance or a job from that byte on, to its present end. Negative: before the end."""
        request = self._http.build_request("GET", f"/v1/logs/{_segment(source)}", params={"offset": offset})
        response = self._persist(lambda: self._http.send(request, stream=True))
        try:
            if response.is_error:
                response.read()
                raise complaint(response)
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
        from twinstage.config.wire import encode  # brings the YAML reader along, which only this one needs

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

    def rollback(self, service: str, *, by: str, why: str, force: bool = False) -> wire.Intent:
        """``force``: also past a change of its databases' schema."""
        document = {"by": by, "why": why} | ({"force": True} if force else {})
        return self._write("POST", f"/v1/services/{_segment(service)}/rollback", wire.Intent, json=document)

    def resume(self, service: str, *, by: str, why: str) -> wire.Intent:
        return self._order(f"/v1/services/{_segment(service)}/resume", by, why)

    def freeze(self, service: str | None, *, by: str, why: str, until: datetime | None = None) -> wire.Intent:
        """``service`` None: every one. ``until`` None: for as long as the controller says."""
        document = {"by": by, "why": why} | ({"until": until.isoformat()} if until else {})
        return self._write("POST", f"{_scope(service)}/freeze", wire.Intent, json=document)

    def unfreeze(self, service: str | None, *, by: str, why: str) -> wire.Intent:
        return self._order(f"{_scope(service)}/unfreeze", by, why)

    def remove(self, service: str, *, by: str, why: str) -> wire.Intent:
        return self._order(f"/v1/services/{_segment(service)}/remove", by, why)

    def set_secret(self, service: str, name: str, ecosystem: Ecosystem, value: bytes, *, by: str) -> wire.Intent:
        """The value goes in the body over the Unix socket, and nowhere else."""
        headers = {"Content-Type": "application/octet-stream"}
        url = _secret(service, name, ecosystem)
        return self._write("PUT", url, wire.Intent, content=value, headers=headers, params={"by": by})

    def remove_secret(self, service: str, name: str, ecosystem: Ecosystem, *, by: str, why: str) -> wire.Intent:
        return self._order(f"{_secret(service, name, ecosystem)}/remove", by, why)

    def prune(self, *, by: str, why: str) -> wire.Intent:
        return self._order("/v1/prune", by, why)

    def prove(self, *, by: str, why: str) -> wire.Intent:
        return self._order("/v1/boundary/prove", by, why)

    def intent(self, intent: str, *, wait: float = 0) -> wire.Intent:
        return self._read(f"/v1/intents/{_segment(intent)}", wire.Intent, {"wait": bounded(wait)}, wait)

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


def _segment(text: str) -> str:
    """What a person typed, as one segment of a path. A slash or a space in it must not become another address."""
    return quote(text, safe="") or "-"


def _secret(service: str, name: str, ecosystem: Ecosystem) -> str:
    return f"/v1/services/{_segment(service)}/secrets/{ecosystem}/{_segment(name)}"


def _scope(service: str | None) -> str:
    return "/v1" if service is None else f"/v1/services/{_segment(service)}"
