"""Envoy's statistics, read into ours."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twinstage.runtime.local.envoy.discovery import SERVER

_LIMITS = (
    *(1, 2, 3, 4, 5, 7, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750),
    *(1000, 1500, 2000, 3000, 5000, 7500, 15000, 30000, 3600000),
)
"""Upper bounds of the latency buckets, in milliseconds."""
BOUNDS = tuple(limit - 0.5 for limit in _LIMITS)
"""The same for Envoy, which counts whole milliseconds rounded down: what it counts as n took less than n + 1."""

_CLUSTER = (
    "upstream_rq_completed",
    "upstream_rq_5xx",
    "upstream_rq_502",
    "upstream_rq_retry",
    "upstream_rq_active",
    "upstream_rq_pending_active",
    "upstream_cx_protocol_error",
    "upstream_rq_time",
    "version_text",
    "update_rejected",
)
FILTER = (
    rf"^cluster\..*\.({'|'.join(_CLUSTER)})$"
    r"|^(cluster_manager\.cds|listener_manager\.lds|http\..*\.rds\..*)\.(version_text|update_rejected)$"
)
"""RE2: all that is read here, nothing else."""

_NAME = re.compile(rf"cluster\.(?P<name>.+)\.(?P<what>{'|'.join(_CLUSTER)})")
_AUDIENCE = (".external", ".internal", ".canary")
"""Envoy keeps some figures a second time under these."""
_ROUTE = re.compile(r"http\..+?\.rds\.(?P<name>.+)\.(?P<what>version_text|update_rejected)")
_WHOLE = re.compile(r"(?P<name>cluster_manager\.cds|listener_manager\.lds)\.(?P<what>.+)")


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What is in force, by the version_info that came with it."""

    listeners: str
    clusters: str
    routes: Mapping[str, str]
    """By service."""
    endpoints: Mapping[str, str]
    """By cluster."""
    refused: Mapping[str, int]
    """How often since Envoy's start a file was refused or unreadable: by ``listeners``, ``clusters``, ``route orders``,
    ``endpoints orders.web...``; only those above zero. What came before stays in force; the cause is in Envoy's log."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """One cluster's cumulative counters since the cluster came to be in this epoch."""

    requests: int
    """Attempts that are over: answered, or given up."""
    errors: int
    """5xx of the instances and of Envoy on their behalf, attempts that were retried, answers cut short."""
    latency: tuple[tuple[float, int], ...]
    """(upper bound in milliseconds, cumulative count) of whole answers, ascending; a second behind ``requests``."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One reading of one Envoy."""

    epoch: str
    versions: Versions
    in_flight: Mapping[str, int]
    """By cluster: requests being answered or waiting for a connection."""
    traffic: Mapping[str, Traffic]
    """By cluster."""


def read(document: Mapping[str, Any], epoch: str) -> Figures:
    """From ``/stats?format=json&histogram_buckets=cumulative&filter=FILTER``."""
    plain: dict[str, Any] = {}
    buckets: dict[str, tuple[tuple[float, int], ...]] = {}
    for entry in document.get("stats", []):
        if "histograms" in entry:
            buckets.update(_histograms(entry["histograms"]))
        else:
            plain[str(entry["name"])] = entry["value"]
    figures = _clusters(plain)
    figures.pop(SERVER, None)  # its questions wait there: nobody's requests
    return Figures(
        epoch=epoch,
        versions=_versions(plain, figures),
        in_flight={
            name: _number(of, "upstream_rq_active", "upstream_rq_pending_active") for name, of in figures.items()
        },
        traffic={name: _traffic(of, buckets.get(name, ())) for name, of in figures.items()},
    )


def _clusters(plain: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, value in plain.items():
        match = _NAME.fullmatch(name)
        if match and not match["name"].endswith(_AUDIENCE):
            found.setdefault(match["name"], {})[match["what"]] = value
    return found


def _traffic(of: Mapping[str, Any], latency: tuple[tuple[float, int], ...]) -> Traffic:
    requests = _number(of, "upstream_rq_completed", "upstream_rq_retry")
    # An answer cut short was counted by its status before the cut. A protocol error before any answer is a 502 already.
    cut = max(0, _number(of, "upstream_cx_protocol_error") - _number(of, "upstream_rq_502"))
    errors = _number(of, "upstream_rq_5xx", "upstream_rq_retry") + cut
    return Traffic(requests=requests, errors=min(errors, requests), latency=latency)


def _histograms(document: Mapping[str, Any] | list[Any]) -> dict[str, tuple[tuple[float, int], ...]]:
    entries = document if isinstance(document, list) else document.get("details", [])
    found = {}
    for entry in entries:
        match = _NAME.fullmatch(str(entry["name"]))
        if match and match["what"] == "upstream_rq_time" and not match["name"].endswith(_AUDIENCE):
            found[match["name"]] = tuple((b["upper_bound"] + 0.5, int(b["cumulative"])) for b in entry["buckets"])
    return found


def _versions(plain: Mapping[str, Any], clusters: Mapping[str, Mapping[str, Any]]) -> Versions:
    routes = _grouped(plain, _ROUTE.fullmatch)
    whole = _grouped(plain, _WHOLE.fullmatch)
    named = {
        "listeners": whole.get("listener_manager.lds", {}),
        "clusters": whole.get("cluster_manager.cds", {}),
        **{f"route {name}": of for name, of in routes.items()},
        **{f"endpoints {name}": of for name, of in clusters.items()},
    }
    refused = {name: _number(of, "update_rejected") for name, of in named.items()}
    return Versions(
        listeners=_text(named["listeners"]),
        clusters=_text(named["clusters"]),
        routes={name: _text(of) for name, of in routes.items()},
        endpoints={name: _text(of) for name, of in clusters.items() if "version_text" in of},
        refused={name: count for name, count in sorted(refused.items()) if count},
    )


def _grouped(plain: Mapping[str, Any], match: Callable[[str], re.Match[str] | None]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, value in plain.items():
        if hit := match(name):
            found.setdefault(hit["name"], {})[hit["what"]] = value
    return found


def _number(of: Mapping[str, Any], *names: str) -> int:
    return sum(int(of.get(name, 0)) for name in names)


def _text(of: Mapping[str, Any]) -> str:
    return str(of.get("version_text", ""))
