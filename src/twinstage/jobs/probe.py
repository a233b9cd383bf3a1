"""Trying the boundary, as a job in each ecosystem; and how what it says reads. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from twinstage.model.job import Job, JobKind
from twinstage.model.names import Ecosystem, JobId, Place, ServiceName

NAME = "boundary"
SERVICE = ServiceName("probe.twinstage")
"""Whom its wire names. No service of a company has a dot in its name."""

LIMIT = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One way out: what was tried, what came back, and whether that is the answer of the wall."""

    name: str
    what: str
    answer: str
    stopped: bool


def probe_job(ecosystem: Ecosystem, number: str) -> Job:
    """``number``: never the same twice."""
    return Job(
        id=JobId(f"{ecosystem.value}.{JobKind.PROBE.value}.{number}"),
        kind=JobKind.PROBE,
        name=NAME,
        place=Place(ecosystem.value),
        rollout=None,
        service=SERVICE,
        commit="",
        round=0,
        attempt=1,
        command="",
        limit=LIMIT,
        source="",
    )


def trials(log: str) -> tuple[Trial, ...]:
    """Of the whole log. Raises ValueError where it is not whole: what was not told must not count as stopped."""
    found: list[Trial] = []
    count = -1
    for line in log.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue  # what the sandbox or the interpreter had to say
        if isinstance(told, dict) and "name" in told:
            words = {key: str(told.get(key, "")) for key in ("name", "what", "answer")}
            found.append(Trial(**words, stopped=told.get("stopped") is True))
        elif isinstance(told, dict) and "tried" in told:
            count = int(told["tried"])
    if count != len(found):
        said = "it does not say how many ways there were" if count < 0 else f"{count} ways were tried"
        raise ValueError(f"cannot count on the probe: {said}, and {len(found)} are told of")
    return tuple(found)


def output(found: Sequence[Trial]) -> Mapping[str, str]:
    """What the job keeps of them."""
    return {
        "tried": str(len(found)),
        "stopped": str(sum(trial.stopped for trial in found)),
        "passed": "; ".join(trial.name for trial in found if not trial.stopped),
    }
