"""What is known of the boundary from trying it, as documents."""

from collections.abc import Iterator, Sequence

from twinstage import wire
from twinstage.model.job import Job, JobResult
from twinstage.model.names import Ecosystem
from twinstage.store.store import Store


def probes(store: Store) -> list[wire.Probe]:
    """The last one of each ecosystem that is over, else the one that is under way."""
    return list(_probes(store))


def _probes(store: Store) -> Iterator[wire.Probe]:
    for ecosystem in Ecosystem:
        newest = store.probe(ecosystem)
        if newest is not None:
            over = newest if newest.result is not None else store.probe(ecosystem, ended=True)
            yield _probe(ecosystem, over or newest, newest.result is None)


def _probe(ecosystem: Ecosystem, job: Job, under_way: bool) -> wire.Probe:
    done = job.result is JobResult.SUCCEEDED
    return wire.Probe(
        ecosystem=ecosystem.value,
        job=job.id,
        under_way=under_way,
        at=job.ended,
        result=job.result.value if job.result else None,
        tried=int(job.output.get("tried", 0)),
        stopped=int(job.output.get("stopped", 0)),
        passed=[name for name in job.output.get("passed", "").split("; ") if name],
        detail="" if done or job.result is None else job.log_end.strip()[-300:],
    )


def attention(found: Sequence[wire.Probe]) -> Iterator[wire.Attention]:
    """Of a boundary that was passed, and of one that could not be tried."""
    for it in found:
        if it.passed:
            text = f"the boundary of {it.ecosystem} was passed in {len(it.passed)} of {it.tried} ways: {', '.join(it.passed[:3])}"
            yield wire.Attention(
                service=None, text=f"{text}; `twinstage boundary prove` shows what came back", since=it.at
            )
        elif it.result not in (None, JobResult.SUCCEEDED.value):
            text = f"the boundary of {it.ecosystem} could not be tried: the probe is {it.result}"
            yield wire.Attention(service=None, text=f"{text}; `twinstage logs {it.job}`", since=it.at)
