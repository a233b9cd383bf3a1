"""The running company as the play meets it: by the command line, by the client, and from outside over HTTP."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from twinstage import wire
from twinstage.client import Client
from twinstage.demo.repositories import Shop
from twinstage.demo.stage import NotProved, Stage
from twinstage.model.names import Ecosystem, Place
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.places import Places

NAME = "shop"
"""As examples/shop/ecosystem.yaml has it."""

_BETWEEN_LOOKS = 0.25


@dataclass(frozen=True)
class Company:
    """The play's company. ``production`` and ``staging`` addresses are all on 127.0.0.1."""

    shop: Shop
    stage: Stage
    client: Client

    def command(self, *arguments: str, meanwhile: Callable[[], bool] = lambda: True) -> int:
        """Run ``twinstage`` as a person would, its output for the audience; gives its exit status.

        ``meanwhile`` is called again and again while it runs, until it says True.
        """
        self.stage.typed(("twinstage", *arguments))
        self.stage.console.file.flush()
        env = os.environ | {"TWINSTAGE_ECOSYSTEM": NAME}
        command = [sys.executable, "-m", "twinstage.cli.entry", *arguments]
        process = subprocess.Popen(command, cwd=self.shop.path, env=env)
        try:
            while process.poll() is None and not meanwhile():
                time.sleep(_BETWEEN_LOOKS)
            return process.wait()
        except KeyboardInterrupt:
            process.wait()  # it got Ctrl-C as well: leave it the time to end in words
            raise

    def newest(self, service: str) -> wire.Rollout:
        found = self.client.rollouts(service=service, limit=1)
        if not found:
            raise NotProved(f"a rollout of {service}", "none")
        return found[0]

    def journey(self, rollout: wire.Rollout) -> wire.Journey:
        return self.client.why(rollout.id)

    def port(self, service: str, ecosystem: Ecosystem = Ecosystem.PRODUCTION) -> int:
        """The service's frontend on this machine's 127.0.0.1."""
        return self.client.service(service).ports[ecosystem].frontend

    def baseline(self, service: str) -> str | None:
        """The release that production runs."""
        found = self.client.service(service).baseline
        return found.release if found else None

    def ask(
        self,
        service: str,
        path: str,
        ecosystem: Ecosystem = Ecosystem.PRODUCTION,
        *,
        lane: str | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        """GET through the edge, or POST a body; the JSON of the answer. Raises NotProved on anything but success.

        ``lane``: of a candidate in staging, which then answers in place of the baseline.
        """
        url = f"http://127.0.0.1:{self.port(service, ecosystem)}{path}"
        headers = {"baggage": f"twinstage-lane={lane}"} if lane else {}
        method = "GET" if body is None else "POST"
        try:
            reply = httpx.request(method, url, json=body, headers=headers, timeout=10.0, trust_env=False)
        except httpx.HTTPError as trouble:
            raise NotProved(f"an answer from {url}", f"{type(trouble).__name__}: {trouble}") from None
        if not reply.is_success:
            raise NotProved(f"success from {url}", f"{reply.status_code}: {reply.text[:300]}")
        return reply.json()

    def until(self, holds: Callable[[], bool], within: float) -> bool:
        """Wait for a condition, ``within`` seconds at most; whether it came to hold."""
        end = time.monotonic() + within
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(_BETWEEN_LOOKS)
        return True


def answers(port: int) -> bool:
    """Does a frontend answer a health check with success."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def production_requests(path_contains: str) -> list[dict[str, Any]]:
    """Entries of production's access log whose path contains a text: ``service``, ``path``, ``status``, ...

    Read from the file of production's proxy, which writes it some seconds behind the requests.
    """
    wanted, found = path_contains.encode(), []
    log = Layout.on_host(Places.of(NAME)).kept(Place.PRODUCTION) / "proxy" / "access.jsonl"
    if not log.exists():
        return []
    with log.open("rb") as file:
        for line in file:
            # A line without an end is still being written.
            if wanted in line and line.endswith(b"\n"):
                entry = json.loads(line)
                found.append(entry)
    return [entry for entry in found if path_contains in (entry.get("path") or "")]


def owned(shop: Path) -> bool:
    """Is the company of that name here the play's own, or is there none yet."""
    return (shop / ".founded").exists() or not Places.of(NAME).state.exists()


def claim(shop: Path) -> None:
    """Note that the company of that name is the play's own."""
    (shop / ".founded").touch()
