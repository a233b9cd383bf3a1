"""How long the controller rests between two looks."""

from types import SimpleNamespace
from typing import cast

import pytest

from twinstage.controller.tick import Controller
from twinstage.controller.ticker import BUSY, PERIOD, pause


@pytest.mark.parametrize(
    ("busy", "moved", "failed", "due", "took", "rests"),
    [
        pytest.param(
            True, True, False, None, 0.01, 0.0, id="a release came a step further: the next may be possible at once"
        ),
        pytest.param(True, False, False, None, 0.02, 0.08, id="it waits: looking takes a fifth of a core"),
        pytest.param(True, False, False, None, 5.0, BUSY, id="a look takes long: no longer than that"),
        pytest.param(True, False, False, 0.5, 0.25, 0.25, id="a bake is over before that"),
        pytest.param(True, False, False, 9.0, 0.02, 0.08, id="a bake is over long after that"),
        pytest.param(True, False, False, 0.1, 0.5, 0.0, id="a bake is over by now"),
        pytest.param(True, True, True, None, 0.01, PERIOD, id="a tick failed: not again and again at once"),
        pytest.param(False, True, False, None, 0.01, PERIOD, id="the last release is through"),
    ],
)
def test_the_controller_rests(
    *, busy: bool, moved: bool, failed: bool, due: float | None, took: float, rests: float
) -> None:
    controller = cast(Controller, SimpleNamespace(busy=busy, moved=moved, due=due))
    assert pause(controller, took, failed=failed) == rests
