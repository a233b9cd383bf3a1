"""Names that travel through supervisord, Envoy, file names and network namespaces: plain, and readable back."""

from twinstage.model.names import Ecosystem, InstanceId, JobId
from twinstage.model.workload import WorkloadKey


def workload_name(key: WorkloadKey) -> str:
    """``orders.web.r_7f3a12bc9d01.1.main``: of one ecosystem, so it does not name it."""
    return f"{key.service}.{key.process}.{key.release}.{key.secrets}.{key.data}"


def instance_id(key: WorkloadKey, number: int) -> InstanceId:
    """``production.orders.web.r_7f3a12bc9d01.1.main.0``."""
    return InstanceId(f"{key.ecosystem}.{workload_name(key)}.{number}")


def program_of_instance(name: str, number: int) -> str:
    """What the ecosystem's supervisord, its wires and files call the instance."""
    return f"{name}.{number}"


def program_of_job(job: JobId) -> str:
    return f"job.{job}"


def parse_instance(instance: InstanceId) -> tuple[Ecosystem, str]:
    """(ecosystem, program). Raises ValueError for anything else."""
    ecosystem, _, program = instance.partition(".")
    return Ecosystem(ecosystem), program
