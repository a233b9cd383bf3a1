"""The company's standard, from ecosystem.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from twinstage.model.bounds import Bounds
from twinstage.model.names import ServiceName


def _limits() -> Mapping[str, timedelta]:
    return {
        "build": timedelta(minutes=10),
        "gates": timedelta(minutes=15),
        "admission": timedelta(hours=24),
        "deploy": timedelta(minutes=2),
        "migrate": timedelta(minutes=10),
        "verify": timedelta(minutes=5),
        "turn": timedelta(hours=24),
        "production": timedelta(hours=2),
        "retreat": timedelta(minutes=10),
    }


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Tightened by the service; never loosened."""

    gates: tuple[str, ...] = ("lint", "unit", "integration", "review")
    reviewers: tuple[str, ...] = ("*",)
    """Shell patterns of addresses whose ``Reviewed-by`` counts."""
    undeclared: str = "fail"
    """``fail`` | ``record``: what an undeclared call in staging does to the release that made it."""
    canary_shares: tuple[int, ...] = (5, 25)
    """Never above 25."""
    bake: timedelta = timedelta(minutes=2)
    """At least this long in canary over all its shares, each an equal part, counted from exposure."""
    longest_canary: timedelta = timedelta(hours=1)
    unproven: str = "promote"
    """``promote`` | ``hold`` at the longest canary; said plainly either way."""
    production_shares: tuple[int, ...] = (50, 100)
    settle: timedelta = timedelta(seconds=5)
    """How long each production share is watched (``production.bake`` in the file)."""
    verification_valid: timedelta = timedelta(hours=24)
    limits: Mapping[str, timedelta] = field(default_factory=_limits)
    """build, gates, admission, deploy, verify, turn, production, retreat: per state, see pipeline.states.LIMIT.
    migrate: of one migration of one database."""
    max_lanes: int = 10
    public: tuple[str, ...] = ()
    """Production's own public names: no release may declare one of them, or a name below one, as outside."""
    bounds: Bounds = field(default_factory=Bounds)
    """What an instance or job may take of the machine (``limits.memory`` and so on in the file)."""


@dataclass(frozen=True, kw_only=True)
class ServiceEntry:
    """One service in ecosystem.yaml."""

    service: ServiceName
    repository: str
    """Absolute."""
    branch: str = "main"
    path: str = "."


@dataclass(frozen=True, kw_only=True)
class EcosystemFile:
    """ecosystem.yaml, read and checked."""

    name: str
    services: tuple[ServiceEntry, ...]
    policy: Policy
    runtime: str = "local"
    postgres: str | None = None
    """Directory of the PostgreSQL programs to use, in both ecosystems. None: those that come with Twinstage."""
