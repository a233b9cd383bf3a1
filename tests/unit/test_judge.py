"""The judge catches bad canaries within dozens of requests, and leaves good ones alone."""

from random import Random

import pytest

from twinstage.judge.chance import by_chance
from twinstage.judge.judge import PlainJudge
from twinstage.judge.window import Window
from twinstage.model.facts import Answer, Verdict

BOUNDS = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0)
USUAL = (200, 550, 600, 606, 610, 612, 612, 612)


def look(requests: int, errors: int = 0, latency: tuple[int, ...] = ()) -> Window:
    return Window(requests=requests, errors=errors, latency=tuple(zip(BOUNDS, latency, strict=False)))


def judge(canary: Window, baseline: Window, *, baked=True, longest=False, unproven="promote") -> Verdict:
    return PlainJudge().verdict(canary, baseline, baked=baked, longest=longest, unproven=unproven)


def test_a_failing_canary_retreats_with_figures() -> None:
    found = judge(look(31, 7), look(612), baked=False)
    assert found.answer is Answer.RETREAT
    assert found.detail == "7 of 31 requests failed, production 0 of 612"


@pytest.mark.parametrize(
    ("canary", "baseline", "answer"),
    [
        ((40, 0), (700, 0), Answer.PROMOTE),
        ((40, 1), (700, 2), Answer.PROMOTE),
        ((400, 8), (7000, 140), Answer.PROMOTE),
        ((19, 0), (700, 0), Answer.WATCH),
        ((20, 3), (400, 0), Answer.WATCH),
        ((3, 3), (57, 0), Answer.RETREAT),
        ((0, 0), (700, 0), Answer.WATCH),
        ((30, 30), (0, 0), Answer.RETREAT),
        ((30, 5), (0, 0), Answer.WATCH),
        ((30, 0), (0, 0), Answer.PROMOTE),
        ((500, 500), (500, 500), Answer.PROMOTE),
        ((1_000_000, 2_000), (1_000_000, 1_000), Answer.PROMOTE),
        ((1_000, 60), (10_000, 100), Answer.RETREAT),
    ],
)
def test_answers(canary, baseline, answer) -> None:
    assert judge(look(*canary), look(*baseline)).answer is answer


def test_nothing_is_promoted_before_it_has_baked() -> None:
    assert judge(look(400), look(4000), baked=False).answer is Answer.WATCH


def test_at_the_longest_canary_it_is_said_when_nothing_is_proven() -> None:
    found = judge(look(3), look(60), longest=True)
    assert (found.answer, found.proven) == (Answer.PROMOTE, False)
    assert "nothing is proven" in found.detail
    assert judge(look(3), look(60), longest=True, unproven="hold").answer is Answer.WATCH
    assert judge(look(300), look(6000), longest=True).proven


def test_a_much_slower_canary_retreats() -> None:
    found = judge(look(60, 0, (0, 10, 20, 30, 38, 60, 60, 60)), look(612, 0, USUAL))
    assert found.answer is Answer.RETREAT
    assert found.detail == "30 of 60 requests took more than 25 ms, production 6 of 612"


@pytest.mark.parametrize(
    "latency",
    [
        (0, 30, 58, 60, 60, 60, 60, 60),
        (0, 20, 30, 50, 55, 60, 60, 60),
        (),
    ],
    ids=["a bucket slower", "a few slow", "none counted"],
)
def test_a_little_slower_is_no_harm(latency) -> None:
    assert judge(look(60, 0, latency), look(612, 0, USUAL)).answer is Answer.PROMOTE


def test_latency_that_is_counted_late_is_not_slow() -> None:
    assert judge(look(600, 0, (20, 55, 60, 60, 60, 60, 60, 60)), look(612, 0, USUAL)).answer is Answer.PROMOTE


def test_chance_is_exact() -> None:
    assert by_chance(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert by_chance(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert by_chance(0, 4, 4, 4) == by_chance(2, 0, 1, 5) == 1.0
    assert by_chance(7, 31, 0, 612) < 1e-8


def run(
    seed: int, *, rate: float, usual: float, share: int, seconds: int = 90, per_second: int = 40
) -> tuple[int, Verdict]:
    """One canary, looked at each second: (requests it had had, the first answer that is not WATCH, or the last)."""
    random, canary, baseline = Random(seed), [0, 0], [0, 0]
    found = judge(look(0), look(0), baked=False)
    for _ in range(seconds):
        for _ in range(per_second):
            side, bad = (canary, rate) if random.random() * 100 < share else (baseline, usual)
            side[0] += 1
            side[1] += random.random() < bad
        found = judge(look(*canary), look(*baseline), baked=False)
        if found.answer is not Answer.WATCH:
            break
    return canary[0], found


@pytest.mark.parametrize(("usual", "share"), [(0.001, 5), (0.01, 5), (0.05, 25)])
def test_good_canaries_are_not_rolled_back_by_noise(usual, share) -> None:
    wrong = sum(run(seed, rate=usual, usual=usual, share=share)[1].answer is Answer.RETREAT for seed in range(300))
    assert wrong <= 3, "one in a hundred"


@pytest.mark.parametrize("rate", [0.2, 0.3, 1.0])
@pytest.mark.parametrize("share", [5, 25])
def test_bad_canaries_are_caught_within_dozens_of_requests(rate, share) -> None:
    seen = [run(seed, rate=rate, usual=0.001, share=share) for seed in range(40)]
    assert all(found.answer is Answer.RETREAT for _, found in seen)
    assert sorted(requests for requests, _ in seen)[36] <= 70, "nine of ten"
