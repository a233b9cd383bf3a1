"""The play: what people of a small company do, and until when each time. Any platform on which it can be set is a Stage."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from playbook.source import Source
from twinstage.model.rollout import IntentVerb

SERVICES = ("back", "ping", "pong", "till")
FIRST = SERVICES[:-1]
"""Those in the file at the beginning."""


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The latest rollout of a service."""

    id: str
    state: str
    reason: str
    """Its code."""
    exposed: bool


class Stage(Protocol):
    """A company with FIRST in its file, of which nothing was shipped yet. The file it is told of later has SERVICES."""

    def write(self, source: Source) -> str:
        """A new commit; its id."""

    def post(self, verb: IntentVerb, *, by: str = "grace", why: str = "", **args: str) -> None:
        """Ask, and do not wait for the answer."""

    def pending(self) -> bool:
        """Has anything that was asked no answer yet?"""

    def newest(self, service: str) -> Newest: ...

    def settled(self) -> bool:
        """Nothing is under way, and what runs is what production's baselines ask for."""

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Let time pass until it holds; an AssertionError that shows where everything stands where it never does."""

    def users(self, *services: str) -> AbstractContextManager[object]:
        """While it is open, so many requests come to these in production that every canary can be judged."""


Do = Callable[[Stage], None]
Until = Callable[[Stage], bool]


@dataclass(frozen=True)
class Act:
    title: str
    steps: tuple[tuple[Do, Until], ...]

    def play(self, stage: Stage) -> None:
        """All its steps, and on until everything rests."""
        for number, (do, until) in enumerate(self.steps, start=1):
            do(stage)
            stage.until(
                lambda until=until: not stage.pending() and until(stage),  # type: ignore[misc]
                f"{self.title}, step {number}",
            )
        stage.until(stage.settled, f"{self.title}: everything to rest")


def submits(
    service: str, *, calls: tuple[str, ...] = (), ails: str = "", slow: str = "", seconds: int = 60, schema: str = ""
) -> Do:
    source = Source(service=service, calls=calls, ails=ails, slow=slow, seconds=seconds, schema=schema)

    def do(stage: Stage) -> None:
        stage.post(IntentVerb.SUBMIT, by="ada", service=service, commit=stage.write(source))

    return do


def asks(verb: IntentVerb, **args: str) -> Do:
    return lambda stage: stage.post(verb, **args)


def of_newest(service: str, verb: IntentVerb, **args: str) -> Do:
    """About the latest rollout of a service."""
    return lambda stage: stage.post(verb, rollout=stage.newest(service).id, **args)


def comes_to(service: str, *states: str) -> Until:
    return lambda stage: stage.newest(service).state in states


def says(service: str, code: str) -> Until:
    return lambda stage: stage.newest(service).reason == code


def exposed(service: str) -> Until:
    return lambda stage: stage.newest(service).exposed


def answered(_: Stage) -> bool:
    return True


def both(one: Until, other: Until) -> Until:
    return lambda stage: one(stage) and other(stage)


def ship(service: str, title: str, end: str = "live", **what: str | tuple[str, ...]) -> Act:
    """A commit all its way."""
    return Act(title, ((submits(service, **what), comes_to(service, end)),))  # type: ignore[arg-type]


MADE, LARGER = "CREATE TABLE IF NOT EXISTS wares (name text)", "ALTER TABLE wares ADD IF NOT EXISTS price int"
FREEZE = asks(IntentVerb.FREEZE, service="back", why="a sale")
THAW = asks(IntentVerb.UNFREEZE, service="back", why="it is over")

TOKEN = {"service": "back", "name": "TOKEN", "ecosystem": "production"}

OPENING = (
    Act("a service more", ((asks(IntentVerb.CONFIGURE), answered),)),
    ship("back", "a first release"),
    ship("till", "a first release with a database", schema=MADE),
)
VISITED = (  # with users, so that canaries are proven
    Act(
        "a circle",
        (
            (submits("ping", calls=("pong",)), comes_to("ping", "candidate")),
            (submits("pong", calls=("ping",)), both(comes_to("ping", "live"), comes_to("pong", "live"))),
        ),
    ),
    ship("back", "a gate that fails", "failed", ails="gate"),
    ship("back", "an unreviewed commit", "failed", ails="unreviewed"),
    ship("back", "one that strays", "failed", ails="strays"),
    ship("back", "a verification that fails", "failed", ails="verify"),
    ship("back", "a bad canary", "failed", ails="canary"),
    Act(
        "one that a newer one supersedes, and a freeze during the newer one's canary",
        (
            (submits("back", slow="build"), comes_to("back", "building")),
            (submits("back"), exposed("back")),
            (FREEZE, says("back", "FROZEN")),
            (THAW, comes_to("back", "live")),
        ),
    ),
    Act("a secret", ((asks(IntentVerb.SET_SECRET, **TOKEN, value="one"), answered),)),
    Act("its removal", ((asks(IntentVerb.REMOVE_SECRET, **TOKEN, why="nothing names it"), answered),)),
    Act(
        "an emergency",
        (
            (submits("back", slow="build", seconds=8), comes_to("back", "building")),
            (
                of_newest("back", IntentVerb.SKIP, phases="development staging canary", why="orders are lost"),
                comes_to("back", "live"),
            ),
        ),
    ),
    Act(
        "a skip out of a verification, under a freeze",
        (
            (submits("back", slow="verify"), comes_to("back", "verifying")),
            (FREEZE, answered),
            (of_newest("back", IntentVerb.SKIP, phases="staging", why="orders are lost"), says("back", "FROZEN")),
            (THAW, comes_to("back", "live")),
        ),
    ),
    Act(
        "an abort of a canary",
        (
            (submits("back"), exposed("back")),
            (of_newest("back", IntentVerb.ABORT, why="no"), comes_to("back", "aborted")),
        ),
    ),
    Act(
        "a rollback",
        (
            (asks(IntentVerb.ROLLBACK, service="back", why="customers complain"), comes_to("back", "live")),
            (asks(IntentVerb.RESUME, service="back", why="it is mended"), answered),
        ),
    ),
    Act(
        "a migration, and no way back past it",
        (
            (submits("till", schema=LARGER), comes_to("till", "live")),
            (asks(IntentVerb.ROLLBACK, service="till", why="customers complain"), answered),
        ),
    ),
    ship("till", "a migration that fails", "failed", schema=LARGER, ails="wares"),
    Act(
        "an abort in the midst of a migration",
        (
            (submits("till", schema=LARGER, slow="wares"), says("till", "MIGRATING")),
            (of_newest("till", IntentVerb.ABORT, why="no"), comes_to("till", "aborted")),
        ),
    ),
    Act("a collection", ((asks(IntentVerb.PRUNE, why="the disk is full"), answered),)),
)
CLOSING = (Act("a removal", ((asks(IntentVerb.REMOVE, service="till", why="nobody buys"), answered),)),)


def perform(stage: Stage) -> None:
    for act in OPENING:
        act.play(stage)
    with stage.users("back", "till"):
        for act in VISITED:
            act.play(stage)
    for act in CLOSING:
        act.play(stage)
