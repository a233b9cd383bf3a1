"""What the sentinel is told of an instance's or a job's connection to its ecosystem (inside/wires.py reads it)."""

from collections.abc import Mapping, Sequence

from twinstage.model.encoding import encode
from twinstage.runtime.local.ledger import JobRecord, WorkloadRecord
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.postgres.databases import reaches


def of_workload(
    record: WorkloadRecord, program: str, number: int, outside: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    """``outside``: the names beyond the company that exist for it."""
    workload = record.workload
    return {
        "id": program,
        "address": addresses.address(record.slot, number),
        "backend": workload.backend,
        "listens": workload.listens,
        "hostname": workload.key.service,
        "service": workload.key.service,
        "release": workload.key.release,
        "source": {"workload": encode(workload.key)},
        "calls": list(workload.calls),
        "databases": reaches(workload),
        "outside": list(outside),
    }


def of_job(record: JobRecord, program: str) -> dict[str, object]:
    """Raises ValueError for one that has no network."""
    job = record.job
    if record.slot is None:
        raise ValueError(f"the job {job.id} has no address range")
    return {
        "id": program,
        "address": addresses.address(record.slot, 0),
        "backend": None,
        "listens": None,
        "hostname": job.service,
        "service": job.service,
        "release": job.release or "",
        "source": {"job": job.id},
        "calls": list(job.calls),
        "databases": reaches(job),
    }
