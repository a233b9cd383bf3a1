"""The second act never says what it has not seen: each claim about data, with the world that does not bear it out."""

import io
from datetime import timedelta
from typing import Any

import demo_book
import pytest
from demo_book import LIVE, Keeping, in_order, migration
from demo_world import COMMIT, T0, Traffic, samples
from rich.console import Console

from twinstage.cli.exits import Exit
from twinstage.cli.screen import THEME
from twinstage.demo.migration import good_release
from twinstage.demo.scene import Scene
from twinstage.demo.stage import NotProved, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage(Console(file=io.StringIO(), theme=THEME, width=160, highlight=False), clock=lambda: 0.0)


def printed(stage: Stage) -> str:
    assert isinstance(stage.console.file, io.StringIO)
    return " ".join(stage.console.file.getvalue().split())


def promoted(stage: Stage, **more: Any) -> Keeping:
    return Keeping(stage=stage, history=["the canary is as good as production: 0 of 60 failed"], **more)


def scene(world: Keeping, *, placed: int = 40, bad: int = 0) -> Scene:
    traffic = Traffic(all=samples("orders", placed, path="/orders") + samples("pricing", 60, bad))
    return Scene(world, traffic)  # type: ignore[arg-type]


def test_a_good_release_is_proved_with_its_figures(stage: Stage) -> None:
    world = promoted(stage)
    figure = good_release(scene(world))
    assert figure == "in production after 41 s; 540 orders kept; 100 requests, none failed"
    assert [typed[:2] for typed in world.typed] == [("submit", "orders"), ("rollback", "orders")]
    assert world.typed[0][2] == COMMIT[:10]
    said = printed(stage)
    assert "0 of 60 failed" in said
    assert "500 orders of before (11 compared: nothing but an empty gift_note is new), and all 40 confirmed" in said
    assert "verification wrote 2 orders there, staging's own book still has 3" in said
    assert "noted as a change of the schema" in said
    assert "refused with exit status 3" in said


def not_proved(world: Keeping, expected: str, **traffic: int) -> None:
    with pytest.raises(NotProved, match=expected):
        good_release(scene(world, **traffic))


def test_one_failed_request_is_enough(stage: Stage) -> None:
    not_proved(promoted(stage), "expected no failed request; saw 1 of 101: pricing 500", bad=1)


def test_orders_have_to_be_placed_meanwhile(stage: Stage) -> None:
    not_proved(promoted(stage), "customers who ordered meanwhile", placed=0)


def test_an_order_that_was_confirmed_must_be_there(stage: Stage) -> None:
    not_proved(promoted(stage, arriving=39), "at least 540 orders; saw 539")


@pytest.mark.parametrize("change", [{"amount": 1}, {"tracking": None}, {"gift_note": "for somebody else"}])
def test_an_order_of_before_must_be_as_it_was(stage: Stage, change: dict[str, Any]) -> None:
    world = promoted(stage)
    world.kept |= change
    not_proved(world, "order 7 as it was")


def test_production_has_to_use_the_new_column(stage: Stage) -> None:
    not_proved(promoted(stage, noted=""), "gift_note 'for Gaetana' in order new; saw ''")


def test_the_lane_has_to_be_seen(stage: Stage) -> None:
    not_proved(promoted(stage, state="verifying"), "a look at the release in its lane; saw it was never seen")


def test_verification_has_to_have_written_into_the_lane(stage: Stage) -> None:
    world = promoted(stage)
    world.counts["lane"] = 3
    not_proved(world, "verification's orders in the lane; saw 3 orders")


def test_staging_must_not_have_the_release_before_production(stage: Stage) -> None:
    not_proved(promoted(stage, early=True), "no gift_note in staging's own orders yet")


def test_staging_has_to_follow(stage: Stage) -> None:
    not_proved(promoted(stage, mirrored=False), "gift_note in staging too")


def test_nothing_of_the_lane_or_of_production_may_come_into_staging(stage: Stage) -> None:
    not_proved(promoted(stage, staged_later=2), "3 orders in staging; saw 5")


def test_the_clone_has_to_go_with_its_lane(stage: Stage) -> None:
    not_proved(promoted(stage, dropped="failed"), "the lane's clone to be dropped")


def test_some_orders_of_before_have_to_be_looked_at(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_book, "OLD", demo_book.OLD[:10])
    not_proved(promoted(stage), "20 orders of before to look at; saw 10")


def test_staging_must_not_migrate_before_production_runs_it(stage: Stage) -> None:
    early = [*in_order()[:2], migration("staging", "main", LIVE - timedelta(seconds=1))]
    not_proved(promoted(stage, migrations=early), "migrated after production's release")


def test_every_migration_has_to_be_there_in_order(stage: Stage) -> None:
    for amiss in (in_order()[1:], in_order()[:2], list(reversed(in_order())), []):
        not_proved(promoted(stage, migrations=amiss), "migrations of the lane's clone, production, staging, in this")


def test_a_migration_that_changed_nothing_is_none(stage: Stage) -> None:
    idle = [*in_order()[:1], migration("production", "main", T0, changed=False), *in_order()[2:]]
    not_proved(promoted(stage, migrations=idle), "the same schema in production")


def test_the_change_has_to_be_noted(stage: Stage) -> None:
    not_proved(promoted(stage, schema_changed=[]), "the schema change in its history")


@pytest.mark.parametrize("status", [Exit.DONE, Exit.TROUBLE])
def test_going_back_has_to_be_refused(stage: Stage, status: Exit) -> None:
    not_proved(promoted(stage, refusal=status), "exit status 3 from rollback")


def test_a_refusal_pins_nothing(stage: Stage) -> None:
    not_proved(promoted(stage, pin="r_1"), "orders as before; saw another release, or a pin")


def test_a_submit_that_waits_is_not_a_release(stage: Stage) -> None:
    not_proved(promoted(stage, status=Exit.WAITING), "expected exit status 0 from submit; saw 3")


def test_a_release_without_a_verdict_is_not_proved(stage: Stage) -> None:
    not_proved(Keeping(stage=stage), "a verdict")
