"""What a release reaches beyond the company that production's does not yet, and what both ecosystems share there. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.release import Outside, Release


@dataclass(frozen=True, kw_only=True, order=True)
class Shared:
    """A host that both ecosystems call."""

    service: ServiceName
    host: str
    """``host:port`` in production."""
    why: str
    """Why its definition says that this is safe."""


def shared(releases: Iterable[Release]) -> tuple[Shared, ...]:
    """Of these releases together, sorted, each once."""
    found = {
        Shared(service=release.service, host=it.hosts[Ecosystem.PRODUCTION], why=it.shared)
        for release in releases
        for it in release.definition.outside.values()
        if it.shared
    }
    return tuple(sorted(found))


def news(release: Release, baseline: Release | None) -> str:
    """A sentence for people about hosts that production's release does not reach, or shares otherwise; empty: none."""
    known = set() if baseline is None else set(_words(baseline))
    fresh = [words for words in _words(release) if words not in known]
    if not fresh:
        return ""
    return f"{release.id} calls beyond the company what production's {release.service} does not: {'; '.join(fresh)}"


def _words(release: Release) -> list[str]:
    return [_one(it) for _, it in sorted(release.definition.outside.items())]


def _one(it: Outside) -> str:
    production, staging = it.hosts[Ecosystem.PRODUCTION], it.hosts[Ecosystem.STAGING]
    if it.stub is not None:
        return f"{production} (in staging {it.stub} answers)"
    if it.shared:
        return f"{production} (shared with staging: {it.shared})"
    return f"{production} (in staging {staging})"
