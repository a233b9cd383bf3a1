"""The logs of instances and jobs, streamed."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated

from fastapi import Path, Query
from fastapi.responses import StreamingResponse

from twinstage.api.office import Here, Office
from twinstage.api.problems import Trouble
from twinstage.model.names import InstanceId, JobId
from twinstage.runtime.runtime import RuntimeTrouble
from twinstage.store.trouble import Unknown

FURTHEST = 1 << 40


class Log(StreamingResponse):
    """Bytes as the program wrote them; they should be UTF-8, but nobody can know."""

    media_type = "text/plain; charset=utf-8"


def read_log(
    office: Here,
    source: Annotated[str, Path(max_length=300, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@~+-]*$")],
    offset: Annotated[int, Query(ge=-FURTHEST, le=FURTHEST, description="Bytes; negative: before the end.")] = 0,
) -> Log:
    """From that byte on to the present end. To follow, ask again with the bytes read so far."""
    return Log(_log(office, source, offset))


def _log(office: Office, source: str, offset: int) -> Iterable[bytes]:
    kept = _kept(office, source)
    known = kept is not None or source in _instances(office)
    chunks = office.runtime.log(InstanceId(source) if kept is None else JobId(source), offset)
    try:
        first = _first(chunks)
    except (LookupError, OSError, RuntimeTrouble) as trouble:
        if kept:
            return [kept[offset:]]
        raise _missing(source, known, str(trouble)) from None
    if first is None:
        if kept and offset <= 0:
            return [kept[offset:]]
        if not known:
            raise _missing(source, known, "")
        return []
    return chain([first], chunks)


def _first(chunks: Iterator[bytes]) -> bytes | None:
    """Read before the answer begins, so that a missing log is a 404 and not a cut-off 200."""
    return next(chunks, None)


def _kept(office: Office, source: str) -> bytes | None:
    """The end of a job's log as the store keeps it when the job is long gone. None: not a job."""
    try:
        return office.store.job(JobId(source)).log_end.encode()
    except Unknown:
        return None


def _instances(office: Office) -> set[str]:
    return {i.id for o in office.latest().values() for w in o.workloads.values() for i in w.instances}


def _missing(source: str, known: bool, cause: str) -> Trouble:
    if not known:
        cause = ""  # it is the same in other words
    detail = "it has not written anything yet" if known else "no instance and no job has that name"
    hint = "`twinstage logs SERVICE` shows a service's instances, `twinstage logs ROLLOUT` a rollout's jobs"
    return Trouble(404, f"cannot show the log of {source}", f"{detail} ({cause})" if cause else detail, hint)
