"""One of each thing that runs, made by the runtime's own code: for a look at what each finds around it."""

from datetime import timedelta
from types import ModuleType

from twinstage.model.job import Job, JobKind
from twinstage.model.names import Digest, Ecosystem, JobId, LaneId, Place, Port, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.workload import Workload, WorkloadKey
from twinstage.runtime.local.ledger import Ports
from twinstage.runtime.local.settings import Settings

ORDERS = ServiceName("orders")
PORTS = Ports(
    services={ORDERS: {eco: (Port(10000), Port(12000)) for eco in Ecosystem}},
)
ARTIFACT = Artifact(kind="tree", digest=Digest("sha256:0"), location="/artifacts/0")
SETTINGS = Settings(name="shop", python="python3", base="/usr", bwrap="bwrap", packages={}, binds=(), lacking=())


def stand_all(instance: ModuleType) -> None:
    """An instance, a build, a gate and a verification."""
    key = WorkloadKey(
        ecosystem=Ecosystem.PRODUCTION, service=ORDERS, process="web", release=ReleaseId("r_0"), secrets=1
    )
    workload = Workload(
        key=key, replicas=1, artifact=ARTIFACT, run="run", backend=Port(12000), listens=None, health=None,
        env={"PAGE_SIZE": "50"}, calls=(ORDERS,),
    )  # fmt: skip
    instance.of_workload(workload, "orders.0", PORTS, SETTINGS)
    for kind in (JobKind.BUILD, JobKind.GATE, JobKind.VERIFY):
        instance.of_job(_job(kind), f"job.{kind}", PORTS, SETTINGS)


def _job(kind: JobKind) -> Job:
    build, place = kind is JobKind.BUILD, Place.STAGING if kind is JobKind.VERIFY else Place.WORKSHOP
    return Job(
        id=JobId(f"00.{kind}"), kind=kind, name=kind.value, place=place, rollout=RolloutId("00"), service=ORDERS,
        commit="0" * 40, round=0, attempt=1, command="true", limit=timedelta(minutes=1), source="orders-0",
        artifact=None if build else ARTIFACT, builds=ARTIFACT.location if build else None, lane=LaneId("00000000"),
        calls=(ORDERS,) if kind is JobKind.VERIFY else (), env={"CI": "true"}, packages=build,
    )  # fmt: skip
