"""A company and its traffic as a test of the acts writes them down."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from twinstage import wire
from twinstage.cli.exits import Exit
from twinstage.demo import changes
from twinstage.demo.load import Sample, Tally, tally
from twinstage.demo.repositories import examples
from twinstage.demo.stage import Stage
from twinstage.model.names import Ecosystem, Phase

T0 = datetime(2026, 1, 12, tzinfo=UTC)
COMMIT = "c0ffee" + "0" * 34


def samples(service: str, good: int, bad: int = 0, path: str = "") -> list[Sample]:
    return [Sample(service=service, at=0, seconds=0.01, outcome="200", path=path)] * good + [
        Sample(service=service, at=0, seconds=0.01, outcome="500", detail="/payments: KeyError")
    ] * bad


@dataclass
class Traffic:
    """A load whose stretches the test has written: all of it, and what came after the second mark."""

    all: list[Sample] = field(default_factory=lambda: samples("pricing", 100))
    later: list[Sample] = field(default_factory=lambda: samples("pricing", 50))
    marks: int = 0

    def mark(self) -> float:
        self.marks += 1
        return float(self.marks)

    def since(
        self, start: float, *, until: float | None = None, service: str | None = None, paths: Collection[str] = ()
    ) -> Tally:
        chosen = self.all if start == 1 else self.later
        return tally([s for s in chosen if service in (None, s.service) and (not paths or s.path in paths)])


class Sources:
    """A repository that is only read, and whose commits are all the same."""

    def __init__(self, service: str) -> None:
        self._source = examples() / service

    def read(self, file: str) -> str:
        return (self._source / file).read_text("utf-8")

    def files(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self._source / folder).iterdir())

    def commit(self, change: changes.Change) -> str:
        return COMMIT


class Shop:
    def repository(self, service: str) -> Sources:
        return Sources(service)


@dataclass
class World:
    """A company that answers as the test says."""

    stage: Stage
    state: str = "live"
    phase: Phase = Phase.PRODUCTION
    status: int = Exit.DONE
    sentence: str = "production runs it"
    history: list[str] = field(default_factory=list)
    evidence: list[wire.Evidence] = field(default_factory=list)
    crossings: list[wire.Crossing] = field(default_factory=list)
    baselines: list[str] = field(default_factory=lambda: ["r_1"])
    typed: list[tuple[str, ...]] = field(default_factory=list)
    shop: Shop = field(default_factory=Shop)
    migrations: list[wire.Migration] = field(default_factory=list)

    def command(self, *arguments: str, meanwhile: Callable[[], bool] = lambda: True) -> int:
        self.typed.append(arguments)
        meanwhile()
        return self.status

    def newest(self, service: str) -> wire.Rollout:
        return wire.Rollout(
            id="o_1",
            service=service,
            kind="ship",
            commit=COMMIT,
            release="r_2",
            state=self.state,
            phase=self.phase,
            open=False,
            share=0,
            entered=T0 + timedelta(seconds=41),
            exposed=None,
            deadline=T0,
            attempt=1,
            round=1,
            lane="0a1b2c3d",
            group=None,
            skips=[],
            outcome=None,
            submitted=T0,
            by="ada",
            reason=wire.Reason(code="X", owner="release", sentence=self.sentence),
        )

    def journey(self, rollout: wire.Rollout) -> wire.Journey:
        entries = [
            wire.JournalEntry(
                seq=n, at=T0, who="twinstage", what="rollout", why=why, service=rollout.service, rollout=rollout.id,
                release=None, before="", after="",
            )
            for n, why in enumerate(self.history)
        ]  # fmt: skip
        return wire.Journey(
            at=T0,
            rollout=rollout,
            steps=[wire.Step(phase=Phase.STAGING, state="done", since=T0, until=T0 + timedelta(seconds=5))],
            unblock="",
            health=None,
            wanted=["unit"],
            evidence=self.evidence,
            jobs=[],
            migrations=self.migrations,
            crossings=self.crossings,
            breaks=[],
            history=entries,
        )

    def port(self, service: str, ecosystem: Ecosystem = Ecosystem.PRODUCTION) -> int:
        return 10003

    def baseline(self, service: str) -> str:
        return self.baselines.pop(0) if len(self.baselines) > 1 else self.baselines[0]

    def ask(self, service: str, path: str, ecosystem: Ecosystem = Ecosystem.PRODUCTION, **more: Any) -> Any:
        return {}

    def until(self, holds: Callable[[], bool], within: float) -> bool:
        return holds()
