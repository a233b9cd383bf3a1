"""A shell to run commands in, and a stand-in for the controller: for tests of the command line."""

import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from face_company import Company, moved, reason, release, rollout

from twinstage.forge.repository import Repository
from twinstage.model.reasons import Reason
from twinstage.model.rollout import IntentVerb, Rollout, State

DEFINITION = """service: {name}
run: serve
instances: {{production: 2, staging: 1}}
gates: {{lint: "true", unit: "true", integration: "true"}}
"""

Shell = Callable[..., "Said"]


class Said:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


def repository(where: Path, text: str) -> str:
    where.mkdir()
    (where / "twinstage.yaml").write_text(text)
    name = ("-c", "user.name=ada", "-c", "user.email=ada@shop.example")
    for args in (("init", "-q", "-b", "main"), ("add", "."), (*name, "commit", "-q", "-m", "First")):
        subprocess.run(["git", "-C", str(where), *args], check=True)
    return Repository(where).resolve()


class Ticking:
    """A stand-in for the controller: answers what is asked, and ships what is submitted as far as ``end``."""

    def __init__(
        self, company: Company, end: State = State.LIVE, why: Reason | None = None, refuses: str | None = None
    ) -> None:
        self.company, self.end, self.why, self.refuses = company, end, why or reason("LIVE"), refuses
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Ticking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.company.woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self.company.woken.wait()
            self.company.woken.clear()
            for intent in self.company.store.intents():
                if intent.verb is IntentVerb.SUBMIT and intent.args["service"] == self.refuses:
                    self.company.answer(False, "it is being removed")
                elif intent.verb is IntentVerb.SUBMIT:
                    self._ship(intent.args["service"], intent.args["commit"])
                else:
                    self.company.answer(True, f"{intent.verb} it is")

    def _ship(self, service: str, commit: str) -> None:
        company = self.company
        it = rollout(f"ro_{service}", service, State.BUILDING, reason("BUILDING", commit=commit[:7]), commit=commit)
        it = replace(it, submitted=company.now)
        company.write(rollouts=((None, it),))
        company.answer(True, f"{service} is on its way", it.id)
        company.now += timedelta(seconds=11)
        self._move(it, replace(it, state=State.GATING, reason=reason("GATES_RUNNING", gates="unit")))
        company.now += timedelta(seconds=30)
        it = company.store.rollout(it.id)
        made = release(service, "7").id if self.end is State.LIVE else None
        self._move(it, replace(it, state=self.end, reason=self.why, release=made, entered=company.now))

    def _move(self, before: Rollout, after: Rollout) -> None:
        entry = moved(after.id, after.service, after.state, after.reason.sentence)
        self.company.write(rollouts=((before, after),), journal=(entry,))
