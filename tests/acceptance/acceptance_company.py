"""A company of two tiny services, each in a real repository, that is up and ships within seconds."""

import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from acceptance_person import Person
from acceptance_traces import until

from twinstage import wire
from twinstage.client import Client

ECOSYSTEM = """\
ecosystem: tiny
services:
  front: {repository: front}
  back: {repository: back}
standard:
  gates: [lint, unit, review]
  reviewers: ["*@tiny.example"]
  canary: {shares: [25], bake: 2s, longest: 4s}
  production: {shares: [100], bake: 1s}
  limits: {deploy: 12s}
"""
DEFINITION = """\
service: {service}
run: {run}
health: /healthz
instances: {{production: 2, staging: 1}}
depends_on: [{depends_on}]
gates:
  lint: python3 -m py_compile main.py
  unit: python3 -c "import main; assert main.WORD"
verify: python3 verify.py
drain: 3s
"""
MAIN = """\
import http.server, os, signal, sys, urllib.request

WORD = {word!r}


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        status, said = 200, WORD
        if self.path == "/healthz" and os.environ.get("SICK"):
            status, said = 503, "the cache is cold"
        if self.path == "/back":
            asked = urllib.request.Request(os.environ["BACK_URL"], headers={{"baggage": self.headers.get("baggage") or ""}})
            with urllib.request.urlopen(asked, timeout=20) as answer:
                said += " " + answer.read().decode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False


if __name__ == "__main__":
    server = Server((os.environ["HOST"], int(os.environ["PORT"])), Answers)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()
"""
VERIFY = """\
import os, urllib.request
asked = urllib.request.Request(os.environ["TWINSTAGE_URL"], headers={"baggage": os.environ["TWINSTAGE_BAGGAGE"]})
with urllib.request.urlopen(asked, timeout=20) as answer:
    import main
    assert answer.read().decode() == main.WORD, "the lane does not answer with this commit"
"""
RUN = "python3 main.py"


C = TypeVar("C", bound="Company")


class Company:
    """Somebody's company: its repositories below ``home``, its command line and what it answers."""

    def __init__(self, person: Person, home: Path, name: str, domain: str) -> None:
        """``name``: as ecosystem.yaml has it; ``domain``: of its people's addresses."""
        self.person, self.home, self._name, self._domain = person, home, name, domain

    @property
    def root(self) -> Path:
        return self.person.root

    def git(self, service: str, *arguments: str) -> str:
        where = self.home / service
        where.mkdir(exist_ok=True)
        identity = ["-c", "user.name=Ada", "-c", f"user.email=ada@{self._domain}", "-c", "safe.directory=*"]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=where,
            env=self.person.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def record(self, service: str, title: str, *, reviewed: bool = True) -> str:
        """Commit what stands in its repository, changed or not."""
        self.git(service, "add", "-A")
        trailer = ["-m", f"Reviewed-by: Bob <bob@{self._domain}>"] if reviewed else []
        self.git(service, "commit", "-q", "--allow-empty", "-m", title, *trailer)
        return self.git(service, "rev-parse", "HEAD")

    def twinstage(self, *arguments: str, within: float = 120) -> "subprocess.CompletedProcess[str]":
        return self.person.twinstage(*arguments, cwd=self.home, within=within)

    def done(self, *arguments: str) -> str:
        """The verb must succeed; what it said."""
        said = self.twinstage(*arguments)
        assert said.returncode == 0, f"{arguments}: {said.returncode}\n{said.stdout}"
        return said.stdout

    @property
    def socket(self) -> Path:
        return self.person.root / "run" / self._name / "api" / "api.sock"

    def client(self) -> Client:
        return Client(self.socket, name=self._name, patience=20)

    def port(self, service: str, ecosystem: str = "production") -> int:
        with self.client() as client:
            return next(r for r in client.status().services if r.name == service).ports[ecosystem].frontend

    def ask(self, service: str, path: str = "/", ecosystem: str = "production") -> str:
        """What a user is answered; the status before it where it is not 200."""
        return ask(self.port(service, ecosystem), path)


class TinyCompany(Company):
    """Two services: ``front`` may call ``back``."""

    def __init__(self, person: Person, home: Path) -> None:
        super().__init__(person, home, "tiny", "tiny.example")
        home.mkdir()
        (home / "ecosystem.yaml").write_text(ECOSYSTEM)
        for service in ("front", "back"):
            self.git(service, "init", "-q", "-b", "main")
            self.commit(service, "one")

    def commit(self, service: str, word: str, *, run: str = RUN, reviewed: bool = True, verify: str = VERIFY) -> str:
        """A commit that answers ``word``."""
        where = self.home / service
        calls = "back" if service == "front" else ""
        (where / "twinstage.yaml").write_text(DEFINITION.format(service=service, run=run, depends_on=calls))
        (where / "main.py").write_text(MAIN.format(word=word))
        (where / "verify.py").write_text(verify)
        return self.record(service, f"Say {word}", reviewed=reviewed)

    def rollout(self, service: str) -> wire.Rollout:
        with self.client() as client:
            return client.rollouts(service=service)[0]

    def comes_to(self, service: str, state: str, within: float = 60) -> wire.Rollout:
        """Wait until its newest rollout is there."""
        return until(lambda: r if (r := self.rollout(service)).state == state else None, within, f"{service} {state}")

    def answers(self, service: str, word: str, within: float = 30) -> None:
        port = self.port(service)
        until(lambda: ask(port) == word, within, f"{service} to answer {word!r}")


@contextmanager
def shipped(company: C) -> Iterator[C]:
    """Up, with all its services in production; down at the end."""
    company.done("up")
    company.done("submit", "--all")
    yield company
    company.twinstage("down")


def ask(port: int, path: str = "/") -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refused:
        return f"{refused.code} {refused.read().decode(errors='replace')}"
    except OSError as trouble:
        return repr(trouble)


class Users(threading.Thread):
    """Users who ask again and again, 40 times a second, and remember every answer that is none of the words."""

    def __init__(self, port: int, words: set[str]) -> None:
        super().__init__(daemon=True)
        self._port, self._words = port, words
        self._enough = threading.Event()
        self.asked, self.failed = 0, list[str]()

    def run(self) -> None:
        while not self._enough.wait(0.025):
            said = ask(self._port)
            self.asked += 1
            if said not in self._words:
                self.failed.append(f"{time.strftime('%H:%M:%S')} {said[:200]}")

    def __enter__(self) -> "Users":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join(30)
