"""How one service is drawn: its ports, its past, every instance. Pure."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.screen import Text
from twinstage.cli.stacked import Row, drawn
from twinstage.cli.table import frozen
from twinstage.model.names import Ecosystem
from twinstage.model.seen import Health


def detail(service: wire.Service, now: datetime, width: int) -> RenderableType:
    """One service with its ports, its past and every instance."""
    head = Text.assemble((service.name, "name"), f"   {service.repository} {service.branch}")
    for ecosystem in Ecosystem:
        if (ports := service.ports.get(ecosystem)) is not None:
            head.append(f"\n{ecosystem.value:<11}", "quiet").append(f"http://127.0.0.1:{ports.frontend}")
            head.append(f"  backend port {ports.backend}", "quiet")
    head.append("\nreleases   ", "quiet").append(_past(service))
    if service.freeze is not None:
        head.append("\nfrozen     ", "quiet").append(frozen(service.freeze, now), "warn")
    for database in service.databases:
        head.append("\ndatabase   ", "quiet").append_text(_database(database, now))
    return Group(head, Text(), _instances(service.instances, now, width))


def _instances(instances: Sequence[wire.Instance], now: datetime, width: int) -> RenderableType:
    """Restarts only where there are any. A name is copied into `twinstage logs` and `exec`: it is never broken."""
    restarts = any(it.restarts for it in instances)
    rows = []
    for it in instances:
        style = "good" if it.health is Health.HEALTHY else "warn" if it.health is not Health.CRASHING else "bad"
        cells = [Text(f"{it.ecosystem} {it.part}"), Text(it.health, style), Text(words.ago(it.since, now))]
        cells += [Text(str(it.restarts or ""))] if restarts else []
        rows.append(Row(name=it.id, cells=cells, words=it.detail))
    headings = ["part", "health", "since", *(["restarts"] if restarts else [])]
    return drawn(rows, headings, width, name="instance")


def _database(it: wire.Database, now: datetime) -> Text:
    """``orders in staging: schema last changed 2 h ago by r_7f3a12bc9d01``."""
    text = Text(f"{it.name} in {it.ecosystem}")
    if not it.ready:
        return text.append(f": {it.detail or 'not ready yet'}", "warn")
    if it.changed is not None:
        text.append(f": schema last changed {words.ago(it.changed.at, now)} by {it.changed.release}", "quiet")
    return text


def _past(service: wire.Service) -> str:
    return " → ".join(words.short(release) for release in service.baselines[-5:]) or "none is live yet"
