"""Companies on the platform in memory, with the real controller and store; the play's is one of them."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from playbook.journal import Plain, plain
from playbook.kinds import Passing, Wire
from playbook.play import FIRST, SERVICES, Newest
from playbook.source import STRAY, Source, ecosystem
from scenarios.company import START, Company, Outside, job_of, of_commit
from twinstage.config.ecosystem import ecosystem as read_ecosystem
from twinstage.model.commit import CommitInfo
from twinstage.model.encoding import dumps
from twinstage.model.names import Ecosystem, JobId
from twinstage.model.policy import EcosystemFile
from twinstage.model.release import Definition
from twinstage.model.rollout import IntentVerb
from twinstage.model.workload import WorkloadKey
from twinstage.retention.bounds import Bounds
from twinstage.runtime.behaviour import FAILS, Behaviour, Ending
from twinstage.runtime.world import World

EAGER = Bounds(exports=timedelta(0), artifacts=timedelta(0), jobs=timedelta(0), first=timedelta(days=1))
"""Lets go of what nobody needs at once, so that there is something to collect within one play, and only when asked."""
SAYS = {IntentVerb.CONFIGURE: "brought into force", IntentVerb.SUBMIT: "submitted"}
"""What the API writes down where nobody is asked for a reason."""
REVIEW = ("Reviewed-by", "Bob <bob@shop.example>")
ADVICE = {
    STRAY: "nothing is to be had there: call a service by the URL that depends_on gives",
    "production pricing": "use PRICING_URL",
}
"""What the sentinel says to whoever strays there."""


class Earnest(World):
    """Its sentinel says what the one on a machine says: that it was the lane's instance, when a verification made it stray."""

    def cross(self, source: WorkloadKey | JobId, ecosystem: Ecosystem, target: str, kind: str) -> None:
        if isinstance(source, str):
            artifact = self.jobs[source].artifact
            source = next(key for key, held in self.workloads.items() if held.workload.artifact == artifact)
        super().cross(source, ecosystem, target, kind)
        seen = self.crossings[ecosystem]
        seen[-1] = replace(seen[-1], advice=ADVICE[target])


class InMemory:
    """A company on the platform in memory. ``path``: of the store, which may be a copy of an empty one; ``passing``: told of
    each place where its controller could die."""

    def __init__(self, path: Path, file: EcosystemFile, passing: Passing | None = None) -> None:
        self.company = Company(path, Outside(Earnest(START, requests=0)))
        if passing is not None:
            wire = Wire(passing)
            self.company.wire = wire  # type: ignore[assignment]
            self.company.restart()
        self.company.controller._means.bounds = EAGER
        self._file = file
        self.post(IntentVerb.CONFIGURE)
        self.until(lambda: not self.pending(), "the file to be in force")
        self._begins = self.company.store.journal(limit=5000)[-1].seq

    def commit(self, definition: Definition, *, reviewed: bool = True) -> str:
        shelf = self.company.outside.shelf
        commit = hashlib.sha1(f"{definition.service} {len(shelf.commits)}".encode()).hexdigest()
        info = CommitInfo(
            commit=commit,
            tree=f"tree-{commit[:8]}",
            author="Ada",
            author_email="ada@tiny.example",
            subject=f"Change {definition.service}",
            trailers=(REVIEW,) if reviewed else (),
        )
        shelf.commits[commit] = (definition, info)
        return commit

    def ends(self, commit: str, job: str, ending: Ending) -> None:
        self.company.world.end(job_of(commit, job), ending)

    def behaves(self, commit: str, ecosystem: Ecosystem, behaviour: Behaviour) -> None:
        self.company.world.behave(of_commit(commit, ecosystem), behaviour)

    def post(self, verb: IntentVerb, *, by: str = "grace", why: str = "", **args: str) -> None:
        if verb is IntentVerb.SET_SECRET:
            self.company.offer(args["service"], args["name"], args["value"], Ecosystem(args["ecosystem"]), by=by)
            return
        if verb is IntentVerb.CONFIGURE:
            args = {"file": dumps(self._file)}
        self.company.post(verb, by=by, why=why or SAYS.get(verb, ""), **args)

    def pending(self) -> bool:
        return bool(self.company.store.intents())

    def newest(self, service: str) -> Newest:
        found = next(r for r in self.company.store.rollouts() if r.service == service)
        return Newest(id=found.id, state=found.state.value, reason=found.reason.code, exposed=found.exposed is not None)

    def settled(self) -> bool:
        return self.company.settled()

    def until(self, true: Callable[[], bool], what: str) -> None:
        try:
            self.company.until(true)
        except AssertionError as never:
            never.add_note(what)
            raise

    @contextmanager
    def users(self, *services: str) -> Iterator[None]:
        meter = self.company.world.meter
        before, meter.requests = meter.requests, 400
        yield
        meter.requests = before

    def journal(self) -> Plain:
        """From when the file came into force."""
        return plain(self.company.store.journal(after=self._begins, limit=5000))


class FakeStage(InMemory):
    """The play's."""

    def __init__(self, path: Path, passing: Passing | None = None) -> None:
        super().__init__(path, _file(FIRST), passing)
        self._file = _file(SERVICES)

    def write(self, source: Source) -> str:
        commit = self.commit(source.definition(), reviewed=source.ails != "unreviewed")
        match source.ails:
            case "gate":
                self.ends(commit, "lint", FAILS)
            case "verify" | "wares" as job:
                self.ends(commit, job, replace(FAILS, log_end="exit status 1"))
            case "strays":
                self.behaves(commit, Ecosystem.STAGING, Behaviour(crosses=((STRAY, "undeclared"),)))
            case "canary":
                self.behaves(commit, Ecosystem.PRODUCTION, Behaviour(error_rate=1.0))
        if source.schema and source.ails != "wares":
            self.ends(commit, "wares", Ending(changes=source.schema))
        if source.slow:
            self.ends(commit, source.slow, Ending(steps=source.seconds))
        return commit


def _file(services: tuple[str, ...]) -> EcosystemFile:
    return read_ecosystem(ecosystem(services), "ecosystem.yaml", Path("/repos"))
