"""How what runs in a world in memory behaves, as a test says it: instances, and the ends of jobs."""

from dataclasses import dataclass

from twinstage.model.job import JobResult
from twinstage.model.seen import Health


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How the instances of a workload behave."""

    starts: int = 2
    """Steps from its start until it is healthy."""
    health: Health = Health.HEALTHY
    """What it becomes then: UNHEALTHY and CRASHING are for good, until the behaviour changes."""
    detail: str = ""
    error_rate: float = 0.0
    latency: float = 20.0
    """Milliseconds."""
    crosses: tuple[tuple[str, str], ...] = ()
    """(target, kind) that each instance tries once, when it becomes healthy."""
    unfit: str = ""
    """Why the runtime will never accept it."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job ends."""

    steps: int = 2
    result: JobResult = JobResult.SUCCEEDED
    exit_status: int | None = 0
    log_end: str = ""
    crosses: tuple[tuple[str, str], ...] = ()
    """(target, kind) that it tries in its first step."""
    changes: str = ""
    """What a migration does to the schema, however it ends; done once, whoever runs it again. Empty: nothing."""
    unfit: str = ""
    """Why the runtime will never start it."""


FAILS = Ending(result=JobResult.FAILED, exit_status=1, log_end="1 failed")
LOST = Ending(result=JobResult.LOST, exit_status=None)
