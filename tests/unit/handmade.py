"""Nouns made by hand: a service, its releases and rollouts, and looks at the world, each with what a test wants to vary."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from twinstage.model.facts import Answer, Facts, MirrorBreak, Verdict
from twinstage.model.job import Job, JobKind, JobResult
from twinstage.model.names import Digest, Ecosystem, InstanceId, JobId, LaneId, Place, Port, ReleaseId, RolloutId
from twinstage.model.names import ServiceName as Name
from twinstage.model.policy import Policy
from twinstage.model.reasons import Owner, Reason
from twinstage.model.release import Artifact, Definition, Evidence, Process, Release
from twinstage.model.rollout import Kind, Rollout, ServiceState, State
from twinstage.model.seen import Crossing, Health, InstanceSeen, Observed, WorkloadSeen
from twinstage.model.workload import Route, WorkloadKey

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRODUCTION, STAGING = Ecosystem.PRODUCTION, Ecosystem.STAGING
HEALTHY, STARTING, CRASHING, UNHEALTHY = Health.HEALTHY, Health.STARTING, Health.CRASHING, Health.UNHEALTHY
COMMANDS = {"lint": "ruff check", "unit": "pytest tests/unit", "integration": "pytest tests/integration"}
LANE = LaneId("deadbeef")


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def at(seconds: float) -> datetime:
    return NOW + s(seconds)


def definition(service: str = "orders", *, needs: tuple[str, ...] = (), instances: int = 2, **more: Any) -> Definition:
    web = Process(run="run", health="/", instances={PRODUCTION: instances, STAGING: 1}, drain=s(20))
    fields: dict[str, Any] = {"build": None, "gates": COMMANDS, "verify": "pytest tests/staging", **more}
    return Definition(service=Name(service), processes={"web": web}, depends_on=tuple(Name(n) for n in needs), **fields)


def release(id_: str = "r2", service: str = "orders", **more: Any) -> Release:
    return Release(
        id=ReleaseId(id_),
        service=Name(service),
        commit=f"commit-{id_}",
        tree=f"tree-{id_}",
        artifact=Artifact(kind="tree", digest=Digest(f"d-{id_}"), location="/artifacts/x"),
        definition=definition(service, **more),
    )


def service(*baselines: str, name: str = "orders", **more: Any) -> ServiceState:
    return ServiceState(
        service=Name(name),
        repository="/r",
        branch="main",
        path=".",
        baselines=tuple(ReleaseId(b) for b in baselines),
        frontends={PRODUCTION: Port(10001), STAGING: Port(14001)},
        backends={PRODUCTION: Port(12001), STAGING: Port(16001)},
        secrets_version={PRODUCTION: 1, STAGING: 1},
        **more,
    )


def rollout(state: State, id_: str = "o1", rel: str | None = "r2", svc: str = "orders", **more: Any) -> Rollout:
    fields: dict[str, Any] = {
        "kind": Kind.SHIP,
        "lane": LANE,
        "entered": NOW,
        "submitted": NOW,
        "deadline": at(600),
        "by": "ada",
        "reason": Reason(code="SUBMITTED", owner=Owner.RELEASE, facts={"by": "ada"}),
        **more,
    }
    return Rollout(
        id=RolloutId(id_),
        service=Name(svc),
        commit=f"commit-{rel}",
        tree=f"tree-{rel}",
        release=None if rel is None or state is State.BUILDING else ReleaseId(rel),
        state=state,
        **fields,
    )


def key(eco: Ecosystem, rel: str, svc: str = "orders") -> WorkloadKey:
    return WorkloadKey(ecosystem=eco, service=Name(svc), process="web", release=ReleaseId(rel), secrets=1)


def workload(
    k: WorkloadKey, *health: Health, replicas: int | None = None, since: datetime = NOW, detail: str = "", busy: int = 0
) -> WorkloadSeen:
    instances = tuple(
        InstanceSeen(id=InstanceId(f"{k.release}-{n}"), health=h, since=since, detail="" if h is HEALTHY else detail)
        for n, h in enumerate(health)
    )
    return WorkloadSeen(
        key=k, replicas=len(health) if replicas is None else replicas, instances=instances, in_flight=busy
    )


def route(eco: Ecosystem, split: dict[str, int], lanes: dict[str, str] | None = None, svc: str = "orders") -> Route:
    return Route(
        ecosystem=eco,
        service=Name(svc),
        port=Port(10001 if eco is PRODUCTION else 14001),
        split=tuple(sorted((key(eco, rel, svc), share) for rel, share in split.items())),
        lanes=tuple(sorted((LaneId(lane), key(eco, rel, svc)) for lane, rel in (lanes or {}).items())),
    )


def look(eco: Ecosystem, *things: WorkloadSeen | Route, when: datetime = NOW, **parts: Health) -> Observed:
    return Observed(
        ecosystem=eco,
        at=when,
        workloads={w.key: w for w in things if isinstance(w, WorkloadSeen)},
        routes={r.service: r for r in things if isinstance(r, Route)},
        parts={"proxy": HEALTHY, "sentinel": HEALTHY, **parts},
        enforced=True,
    )


def facts(*seen: Observed, **more: Any) -> Facts:
    """The best of days: r1 is live, r2 is built, nobody else is under way."""
    fields: dict[str, Any] = {
        "service": service("r1"),
        "release": release("r2"),
        "evidence": (),
        "jobs": (),
        "others": (),
        "group": (),
        "missing_dependencies": (),
        "lanes_in_use": 0,
        "mirror_breaks": (),
        "crossings": (),
        "verdict": None,
        **more,
    }
    return Facts(seen={o.ecosystem: o for o in seen}, **fields)


def job(kind: JobKind, name: str, result: JobResult | None = None, **more: Any) -> Job:
    fields: dict[str, Any] = {
        "round": 0,
        "attempt": 1,
        "place": Place.WORKSHOP,
        "limit": s(60),
        "started": NOW,
        "ended": None if result is None else at(5),
        **more,
    }
    id_ = JobId(f"o1.{kind.value}.{name}.{fields['round']}.{fields['attempt']}")
    return Job(
        id=id_,
        kind=kind,
        name=name,
        rollout=RolloutId("o1"),
        service=Name("orders"),
        commit="commit-r2",
        command="run",
        source="orders-commit-r2",
        result=result,
        **fields,
    )


def proof(gate: str, passed: bool = True, **more: Any) -> Evidence:
    fields: dict[str, Any] = {"commit": "commit-r2", "tree": "tree-r2", "by": "workshop", "at": at(1), **more}
    return Evidence(service=Name("orders"), gate=gate, passed=passed, **fields)


def broken(name: str = "payments", since: float = 0, until: float | None = None) -> MirrorBreak:
    return MirrorBreak(
        service=Name(name), since=at(since), until=None if until is None else at(until), detail="0 of 1 healthy"
    )


def crossing(kind: str = "other-ecosystem", seq: int = 1, **more: Any) -> Crossing:
    fields: dict[str, Any] = {"target": "production payments", "advice": "use PAYMENTS_URL", **more}
    return Crossing(
        seq=seq,
        at=at(seq),
        ecosystem=STAGING,
        source=key(STAGING, "r2"),
        instance=InstanceId("i"),
        kind=kind,
        answered="403",
        **fields,
    )


def verdict(answer: Answer, detail: str = "0 of 40 requests failed, production 0 of 700") -> Verdict:
    return Verdict(answer=answer, detail=detail)


POLICY = Policy(bake=s(20), settle=s(5))
RECORD = replace(POLICY, undeclared="record")
