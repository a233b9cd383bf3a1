"""The first act: the company comes up, ten services in production and ten of ten mirrored."""

import time

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.proving import proved
from twinstage.demo.company import Company, answers
from twinstage.demo.stage import NotProved
from twinstage.model.names import Ecosystem

WHOLE_WITHIN = 90.0
"""Seconds for the mirror to be whole once the last service is live."""


def comes_up(company: Company) -> str:
    """Bring the company up, ship its first releases, and count both ecosystems."""
    start = time.monotonic()
    status = company.command("up", str(company.shop.file))
    if status:
        raise NotProved("the company to come up", f"exit status {status} from `twinstage up`")
    wanted = {row.name: row.ports[Ecosystem.PRODUCTION].frontend for row in company.client.services()}
    first = _FirstAnswer(wanted, start)
    status = company.command("submit", "--all", meanwhile=first.look)
    if status:
        raise NotProved("all first releases in production", f"exit status {status} from `twinstage submit --all`")
    first.look()
    with company.stage.working("waiting until staging mirrors all of production"):
        company.until(lambda: not _lacking(company.client.status(), len(company.shop.services)), WHOLE_WITHIN)
    seen = company.client.status()
    lacking = _lacking(seen, len(company.shop.services))
    _show(company, seen)
    if lacking:
        raise NotProved("ten services in production, all healthy, all mirrored", "; ".join(lacking))
    company.stage.proof("the first service answered after", words.span(first.seconds))
    company.stage.proof("building took, packages included", _building(company, list(wanted)))
    company.stage.proof("in production", words.count(len(seen.services), "service"))
    company.stage.proof("mirrored in staging", f"{seen.mirror.mirrored} of {seen.mirror.services}")
    company.stage.proof("the boundary", "enforced" if seen.enforced else "NOT enforced")
    if not seen.enforced:
        raise NotProved("an enforced boundary", "status says that it is not")
    _tried(company)
    return (
        f"{len(seen.services)} services in production, {seen.mirror.mirrored} of {seen.mirror.services} mirrored;"
        f" first answer after {words.span(first.seconds)}"
    )


def _tried(company: Company) -> None:
    """Every known way across, from inside both ecosystems, now that there is something to reach."""
    with company.stage.working("trying every known way across the boundary"):
        probes = proved(company.client, "the demo")
    tried, stopped = sum(p.tried for p in probes), sum(p.stopped for p in probes)
    company.stage.proof("ways across it: tried, stopped", f"{tried}, {stopped}")
    if lacking := [p for p in probes if p.result != "succeeded" or p.passed]:
        said = "; ".join(f"{p.ecosystem}: {', '.join(p.passed) or p.detail or p.result}" for p in lacking)
        raise NotProved("every known way across the boundary stopped", said)


class _FirstAnswer:
    """Looks at production's frontends until one answers, and notes when; seconds since ``start``."""

    def __init__(self, ports: dict[str, int], start: float) -> None:
        self._ports, self._start = ports, start
        self.seconds = 0.0

    def look(self) -> bool:
        if not self.seconds and any(answers(port) for port in self._ports.values()):
            self.seconds = time.monotonic() - self._start
        return bool(self.seconds)


def _building(company: Company, services: list[str]) -> str:
    """From the first build's start to the last one's end; builds run beside all the rest."""
    jobs = [job for name in services for job in company.journey(company.newest(name)).jobs if job.kind == "build"]
    started = [job.started for job in jobs if job.started]
    ended = [job.ended for job in jobs if job.ended]
    if not started or not ended:
        return "no time: all of it was built before"
    return f"{words.span((max(ended) - min(started)).total_seconds())} for {words.count(len(jobs), 'build')}"


def _lacking(seen: wire.Status, services: int) -> list[str]:
    """What keeps the company from being whole, in words; empty when it is."""
    lacking = []
    for row in seen.services:
        if row.baseline is None:
            lacking.append(f"{row.name} is not in production")
            continue
        for where, count in (("production", row.baseline.production), ("staging", row.baseline.staging)):
            if count.wanted == 0 or count.healthy < count.wanted:
                lacking.append(
                    f"{row.name} in {where}: {count.healthy} of {count.wanted} healthy {count.detail}".strip()
                )
    if len(seen.services) != services:
        lacking.append(f"{len(seen.services)} services of {services}")
    if seen.mirror.mirrored != services:
        lacking.append(f"{seen.mirror.mirrored} of {services} mirrored")
    return lacking


def _show(company: Company, seen: wire.Status) -> None:
    rows = []
    for row in seen.services:
        ports = [row.ports[ecosystem] for ecosystem in Ecosystem]
        health = (
            [words.health(row.baseline.production), words.health(row.baseline.staging)] if row.baseline else ["", ""]
        )
        release = words.short(row.baseline.release) if row.baseline else "–"
        cells = [row.name, release]
        for port, count in zip(ports, health, strict=True):
            cells += [str(port.frontend), str(port.backend), count]
        rows.append(cells)
    columns = (
        "service",
        "release",
        "production :frontend",
        ":backend",
        "healthy",
        "staging :frontend",
        ":backend",
        "healthy",
    )
    company.stage.table("The company", columns, rows, numbers=6)
