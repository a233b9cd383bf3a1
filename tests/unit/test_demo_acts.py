"""The acts never say what they have not seen: each claim, with the world that does not bear it out."""

import io
from typing import Any

import pytest
from demo_world import T0, Traffic, World, samples
from rich.console import Console

from twinstage import wire
from twinstage.cli.exits import Exit
from twinstage.cli.screen import THEME
from twinstage.demo import acts, changes
from twinstage.demo.scene import Scene
from twinstage.demo.stage import NotProved, Stage
from twinstage.model.names import Phase


@pytest.fixture
def stage() -> Stage:
    return Stage(Console(file=io.StringIO(), theme=THEME, width=160, highlight=False), clock=lambda: 0.0)


def printed(stage: Stage) -> str:
    assert isinstance(stage.console.file, io.StringIO)
    return stage.console.file.getvalue()


def scene(world: World, traffic: Traffic | None = None) -> Scene:
    return Scene(world, traffic or Traffic())  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------- act 3


def evidence(gate: str, passed: bool) -> wire.Evidence:
    return wire.Evidence(
        gate=gate,
        passed=passed,
        by="workshop",
        at=T0,
        detail="",
        exit_status=1,
        seconds=1.0,
        log_end="assert 590 == 1770",
    )


def refused(stage: Stage, **more: Any) -> World:
    facts: dict[str, Any] = {
        "state": "failed",
        "phase": Phase.DEVELOPMENT,
        "status": Exit.FAILED,
        "evidence": [evidence("lint", True), evidence("unit", False)],
    }
    return World(stage, **facts | more)


def test_failing_tests_are_proved_with_their_log(stage: Stage) -> None:
    assert "refused by gate unit" in acts.failing_tests(scene(refused(stage)))
    assert "assert 590 == 1770" in printed(stage)


def test_failing_later_is_too_late(stage: Stage) -> None:
    with pytest.raises(NotProved, match="it to fail in development; saw staging"):
        acts.failing_tests(scene(refused(stage, phase=Phase.STAGING)))


def test_another_gate_is_another_story(stage: Stage) -> None:
    with pytest.raises(NotProved, match="the gate unit alone"):
        acts.failing_tests(scene(refused(stage, evidence=[evidence("lint", False), evidence("unit", False)])))


# ------------------------------------------------------------------------------------------------------------- act 4


def caught(stage: Stage, **more: Any) -> World:
    facts: dict[str, Any] = {
        "state": "failed",
        "phase": Phase.CANARY,
        "status": Exit.FAILED,
        "history": ["the canary is worse than production: 9 of 30 failed, production 0 of 90"],
    }
    return World(stage, **facts | more)


def test_a_bad_canary_is_proved_with_the_requests_it_cost(stage: Stage) -> None:
    figure = acts.fails_in_production(scene(caught(stage), Traffic(all=samples("payments", 391, 9))))
    assert figure == "9 of 400 requests failed before it was away, none since"
    assert "9 of 30 failed, production 0 of 90" in printed(stage)


def test_a_canary_that_harmed_nobody_proves_nothing(stage: Stage) -> None:
    with pytest.raises(NotProved, match="some failed payments"):
        acts.fails_in_production(scene(caught(stage), Traffic(all=samples("payments", 400))))


def test_harm_after_the_retreat_is_not_a_retreat(stage: Stage) -> None:
    traffic = Traffic(all=samples("payments", 391, 9), later=samples("payments", 50, 1))
    with pytest.raises(NotProved, match="no failed request"):
        acts.fails_in_production(scene(caught(stage), traffic))


def test_production_must_run_what_it_ran(stage: Stage) -> None:
    with pytest.raises(NotProved, match="payments as before"):
        acts.fails_in_production(scene(caught(stage, baselines=["r_1", "r_2"])))


# ------------------------------------------------------------------------------------------------------------- act 5


def crossing(kind: str) -> wire.Crossing:
    return wire.Crossing(
        at=T0, ecosystem="staging", source="cart r_2", target="production pricing", kind=kind, answered="403",
        advice="use PRICING_URL",
    )  # fmt: skip


def stopped(stage: Stage, **more: Any) -> World:
    facts: dict[str, Any] = {
        "state": "failed",
        "phase": Phase.STAGING,
        "status": Exit.FAILED,
        "crossings": [crossing("other-ecosystem")],
    }
    return World(stage, **facts | more)


def logged(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    def requests(path_contains: str) -> list[dict[str, Any]]:
        return [{"path": path} for path in paths if path_contains in path]

    monkeypatch.setattr(acts, "production_requests", requests)


CONTROL = "/base-prices?from=control-o_1"


def test_a_sealed_boundary_is_proved_by_a_log_that_does_show_requests(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged(monkeypatch, CONTROL, "/prices?sku=cup")
    figure = acts.calls_production(scene(stopped(stage)))
    assert figure == "1 call answered by the sentinel, none reached production"
    assert "cart r_2 called production pricing, was answered 403" in printed(stage)


def test_an_empty_log_proves_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    logged(monkeypatch)
    with pytest.raises(NotProved, match="the play's own request"):
        acts.calls_production(scene(stopped(stage)))


def test_a_stray_request_in_the_log_is_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    logged(monkeypatch, CONTROL, f"/prices?sku=cup&from={changes.STRAY}")
    with pytest.raises(NotProved, match="no stray request in production's access log"):
        acts.calls_production(scene(stopped(stage)))


def test_other_crossings_are_not_this_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    logged(monkeypatch, CONTROL)
    with pytest.raises(NotProved, match="the sentinel's record"):
        acts.calls_production(scene(stopped(stage, crossings=[crossing("outside")])))


# ------------------------------------------------------------------------------------------------------------- stage


def test_an_act_that_proves_nothing_is_kept_and_raised(stage: Stage) -> None:
    def play() -> str:
        raise NotProved("ten of ten", "nine [of] ten")

    with pytest.raises(NotProved):
        stage.act(1, "the company comes up", play)
    stage.curtain()
    text = printed(stage)
    assert "expected: ten of ten" in text
    assert "seen:     nine [of] ten" in text
    assert "NOT PROVED" in text


def test_an_act_that_proves_itself_is_kept_with_its_figure(stage: Stage) -> None:
    stage.act(1, "the company comes up", lambda: "ten of ten")
    assert [(p.proved, p.figure) for p in stage.played] == [(True, "ten of ten")]
