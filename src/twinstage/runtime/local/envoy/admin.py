"""What Envoy says about itself, over its admin socket: the only thing about it that is believed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from twinstage.runtime.local.envoy.discovery import SERVER
from twinstage.runtime.local.envoy.statistics import FILTER, Figures, read

TIMEOUT = httpx.Timeout(0.8, connect=0.3)
"""A tick waits for nothing longer than a second."""


class ProxyUnavailable(Exception):
    """The admin interface did not answer: Envoy is starting, gone, or stuck. Its files stay as they are; ask again."""


@dataclass(frozen=True, kw_only=True)
class HostSeen:
    """One instance as Envoy sees it."""

    healthy: bool
    pending: bool
    """Not asked yet, so neither healthy nor unhealthy."""
    detail: str
    """For people; empty when there is nothing to add."""
    answers: bool = False
    """It fails its health check by what it answers, not by its silence."""


class Admin:
    """A client of one Envoy's admin socket. Every call is one request, under a second; all raise ProxyUnavailable."""

    def __init__(self, socket: Path, *, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._socket = socket
        # A connection is made for each call: a held one would be a dead one after each restart of Envoy.
        transport = httpx.HTTPTransport(uds=str(socket), limits=httpx.Limits(max_keepalive_connections=0))
        self._client = httpx.Client(transport=transport, base_url="http://envoy", timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def ready(self) -> bool:
        """True once Envoy has its files and serves; False while it starts or ends, or does not answer."""
        try:
            return self._get("/ready", accept=(200, 503)).status_code == 200
        except ProxyUnavailable:
            return False

    def epoch(self) -> str:
        """Another text after each start of Envoy, which makes its socket anew; not whether Envoy runs."""
        try:
            made = self._socket.stat()
        except OSError as error:
            raise self._unavailable(error) from error
        return f"{made.st_mtime_ns:x}-{made.st_ino:x}"

    def figures(self) -> Figures:
        """Accepted versions, refusals, requests in flight and traffic: one consistent reading of one epoch."""
        for _ in range(3):
            before = self.epoch()
            document = self._json("/stats", {"format": "json", "histogram_buckets": "cumulative", "filter": FILTER})
            if self.epoch() == before:
                return read(document, before)
        raise self._unavailable("it restarts again and again")

    def health(self) -> Mapping[str, Mapping[str, HostSeen]]:
        """For each cluster that Envoy has, its instances by IPv4 address."""
        document = self._json("/clusters", {"format": "json"})
        return {
            str(cluster["name"]): {
                str(host["address"]["socket_address"]["address"]): _host(host.get("health_status", {}))
                for host in cluster.get("host_statuses", [])
                if "socket_address" in host.get("address", {})
            }
            for cluster in document.get("cluster_statuses", [])
            if cluster["name"] != SERVER
        }

    def _json(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            document = self._get(path, query).json()
        except ValueError as error:
            raise self._unavailable(error) from error
        if not isinstance(document, dict):
            raise self._unavailable(f"{path} is not an object")
        return document

    def _get(
        self, path: str, query: Mapping[str, str] | None = None, accept: tuple[int, ...] = (200,)
    ) -> httpx.Response:
        try:
            response = self._client.get(path, params=query)
        except httpx.HTTPError as error:
            raise self._unavailable(error) from error
        if response.status_code not in accept:
            raise self._unavailable(f"{path} answered {response.status_code}")
        return response

    def _unavailable(self, cause: object) -> ProxyUnavailable:
        return ProxyUnavailable(f"cannot ask the proxy at {self._socket}: {cause}; see the proxy's log")


def _host(status: Mapping[str, Any]) -> HostSeen:
    pending = bool(status.get("pending_active_hc"))
    failed = bool(status.get("failed_active_health_check"))
    silent = bool(status.get("active_hc_timeout"))
    if pending:
        detail = "its health has not been asked yet"
    elif silent:
        detail = "does not answer its health check in time"
    elif failed:
        detail = "fails its health check"
    else:
        detail = ""
    answers = failed and not silent and not pending
    return HostSeen(healthy=not (pending or failed), pending=pending, detail=detail, answers=answers)
