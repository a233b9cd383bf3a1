"""A company whose orders are kept, as a test of the second act writes it down."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from demo_world import T0, World

from twinstage import wire
from twinstage.cli.exits import Exit
from twinstage.model.names import Ecosystem

LIVE = T0 + timedelta(seconds=41)
"""When the world's rollout entered its state."""
OLD = [{"number": f"{n}", "amount": 1800, "tracking": "TEST-1", "leave_with": ""} for n in range(11)]


def migration(ecosystem: str, data: str, at: datetime, changed: bool = True) -> wire.Migration:
    return wire.Migration(
        ecosystem=ecosystem, data=data, database="orders", release="r_2", rollout="o_1", job="j", at=at,
        changed=changed, before="a", after="b" if changed else "a",
    )  # fmt: skip


def in_order() -> list[wire.Migration]:
    return [
        migration("staging", "0a1b2c3d", T0 + timedelta(seconds=10)),
        migration("production", "main", T0 + timedelta(seconds=20)),
        migration("staging", "main", LIVE + timedelta(seconds=1)),
    ]


@dataclass(kw_only=True)
class Keeping(World):
    """Orders in three books: production's, staging's own and the lane's. A release adds ``gift_note`` to all, in turn.

    The test puts wrong whatever it is about.
    """

    state: str = "canary"
    migrations: list[wire.Migration] = field(default_factory=in_order)
    counts: dict[str, int] = field(default_factory=lambda: {"production": 500, "staging": 3, "lane": 5})
    arriving: int = 40
    """Orders that production has more after the release."""
    staged_later: int = 0
    kept: dict[str, Any] = field(default_factory=lambda: OLD[7] | {"gift_note": ""})
    """What production has of one of the orders of before, after the release."""
    dropped: str = "succeeded"
    """The result of the job that dropped the lane's clone."""
    noted: str = "for Gaetana"
    refusal: int = Exit.WAITING
    pin: Any = None
    schema_changed: list[str] = field(default_factory=lambda: ["orders"])
    mirrored: bool = True
    released: bool = False
    early: bool = False
    """Staging's own has the new release before its time."""

    def command(self, *arguments: str, meanwhile: Callable[[], bool] = lambda: True) -> int:
        status = super().command(*arguments, meanwhile=meanwhile)
        if arguments[0] == "rollback":
            return self.refusal
        self.state, self.released = "live", True
        return status

    def ask(self, service: str, path: str, ecosystem: Ecosystem = Ecosystem.PRODUCTION, **more: Any) -> Any:
        if more.get("body"):
            return {"order": "new"}
        if path == "/orders/new":
            return {"number": "new", "gift_note": self.noted}
        if path.startswith("/orders/"):
            number = int(path.removeprefix("/orders/"))
            return self.kept if number == 7 else OLD[number] | {"gift_note": ""}
        where = "lane" if more.get("lane") else ecosystem.value
        count, news = self.counts[where], where == "lane" or self.released
        if where == "production" and self.released:
            count += self.arriving
        if where == "staging":
            count += self.staged_later if self.released else 0
            news = self.mirrored if self.released else self.early
        wishes = ["leave_with", *(["gift_note"] if news else [])]
        return {"orders": count, "amount": count * 100, "latest": OLD, "wishes": wishes}

    @property
    def client(self) -> "Answers":
        return Answers(self)


@dataclass(frozen=True)
class Answers:
    """The client of such a company."""

    world: Keeping

    def history(self, *, service: str, limit: int) -> list[Any]:
        return [SimpleNamespace(schema_changed=self.world.schema_changed)]

    def service(self, name: str) -> Any:
        drop = SimpleNamespace(kind="drop", id="staging.0a1b2c3d.r_2.drop.databases.1", result=self.world.dropped)
        return SimpleNamespace(pin=self.world.pin, jobs=[drop])
