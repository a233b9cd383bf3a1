"""The judge: promote, retreat, or keep watching."""

from typing import Protocol

from twinstage.judge.chance import by_chance
from twinstage.judge.window import Window, below
from twinstage.model.facts import Answer, Verdict

ALPHA = 0.0005
"""The judge looks each second, and each look is another chance to be wrong; so each must be nearly sure."""
DOUBT = 0.01
"""Not sure enough to retreat, too sure to promote: keep watching."""
ENOUGH = 20
"""Requests without which a canary proves nothing good."""
FEW_BAD = 5
"""Fewer failures than these are an accident, unless nearly all of its requests fail."""
NEARLY_ALL = 0.9
MARGIN = 0.005
"""A share of failures that is higher by less than this is significant only because the samples are large."""
ENOUGH_SLOW = 50
"""Requests without which latency says nothing: the first ones of a new instance are slow."""
SLOW_MARGIN = 0.2
"""Part of the requests that must be slow beyond production's part. Large, because slow requests come in clusters."""
UNNOTICED = 25.0
"""Milliseconds below which nobody calls a request slow."""


class Judge(Protocol):
    """Compares a canary with production over the same time."""

    def verdict(self, canary: Window, baseline: Window, *, baked: bool, longest: bool, unproven: str) -> Verdict:
        """``baked``: the present share was watched long enough; ``longest``: no more time is left, and ``unproven``
        (``promote`` | ``hold``) says what to do without proof: ``proven`` is then False."""


class PlainJudge:
    """A plain two-sample test on 5xx share and latency. It says RETREAT as soon as it is sure, whatever the time."""

    def verdict(self, canary: Window, baseline: Window, *, baked: bool, longest: bool, unproven: str) -> Verdict:
        figures = _failures(canary, baseline)
        if _fails_more(canary, baseline, ALPHA, FEW_BAD):
            return Verdict(answer=Answer.RETREAT, detail=figures)
        if slow := _slower(canary, baseline):
            return Verdict(answer=Answer.RETREAT, detail=slow)
        if baked and canary.requests >= ENOUGH and not _doubtful(canary, baseline):
            return Verdict(answer=Answer.PROMOTE, detail=figures)
        if longest and unproven == "promote":
            return Verdict(answer=Answer.PROMOTE, detail=f"nothing is proven: {figures}", proven=False)
        return Verdict(answer=Answer.WATCH, detail=figures)


def _fails_more(canary: Window, baseline: Window, alpha: float, least: int) -> bool:
    """``least``: failures without which it is an accident, or nearly all of at least three requests."""
    if canary.errors < min(least, 3):
        return False
    rate = canary.errors / canary.requests if canary.requests else 1.0
    nearly_all = rate >= NEARLY_ALL
    if not baseline.requests:
        # Nothing to compare with; but a release that answers nothing needs no comparison.
        return nearly_all and canary.requests >= ENOUGH
    if canary.errors < least and not nearly_all:
        return False
    if rate <= baseline.errors / baseline.requests + MARGIN:
        return False
    return by_chance(canary.errors, canary.requests, baseline.errors, baseline.requests) < alpha


def _doubtful(canary: Window, baseline: Window) -> bool:
    if not baseline.requests:
        return canary.errors > 1
    return _fails_more(canary, baseline, DOUBT, 2)


def _slower(canary: Window, baseline: Window) -> str:
    """What is slow about it; empty when nothing is.

    Slow is what takes more than twice what nine of ten of production's requests take at most. Buckets are coarse: with
    the edge itself, a tenth of a millisecond over it would look like a flood of slow requests.
    """
    edge = _edge(baseline)
    if edge is None or canary.requests < ENOUGH_SLOW or baseline.requests < ENOUGH_SLOW:
        return ""
    slow, of = _above(canary, edge)
    usual, among = _above(baseline, edge)
    if not of or not among or slow / of <= usual / among + SLOW_MARGIN:
        return ""
    if by_chance(slow, of, usual, among) >= ALPHA:
        return ""
    return f"{slow:,} of {of:,} requests took more than {edge:g} ms, production {usual:,} of {among:,}"


def _edge(baseline: Window) -> float | None:
    """Milliseconds above which a request is slow; None where the buckets do not reach that far."""
    total = baseline.latency[-1][1] if baseline.latency else 0
    usual = next((bound for bound, count in baseline.latency if count >= 0.9 * total), None) if total else None
    if usual is None:
        return None
    least = max(2 * usual, UNNOTICED)
    return next((bound for bound, _ in baseline.latency[:-1] if bound >= least), None)


def _above(window: Window, edge: float) -> tuple[int, int]:
    """(slower than the edge, all) of the requests whose latency was counted."""
    total = window.latency[-1][1] if window.latency else 0  # Not `requests`: latency is counted a little later.
    return total - below(window.latency, edge), total


def _failures(canary: Window, baseline: Window) -> str:
    return (
        f"{canary.errors:,} of {canary.requests:,} requests failed, "
        f"production {baseline.errors:,} of {baseline.requests:,}"
    )
