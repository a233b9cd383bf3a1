"""How the status is drawn: services as rows, phases as columns, and below why things are where they are. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from twinstage import wire
from twinstage.cli import words
from twinstage.cli.progress import share
from twinstage.cli.screen import Text
from twinstage.model.names import Phase
from twinstage.model.seen import Health

WIDE = 116
"""Columns from which ports are shown as well; narrower, `status SERVICE` has them."""
RECENT = 900.0
"""Seconds that an end is worth a line."""


def draw(status: wire.Status, width: int) -> RenderableType:
    parts: list[RenderableType] = [_header(status), Text(), _services(status, width)]
    below = [*_moving(status), *_ended(status), *_attention(status)]
    if below:
        lines = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        lines.add_column(no_wrap=True)
        lines.add_column(no_wrap=True)
        lines.add_column(overflow="fold")
        for line in below:
            lines.add_row(*line)
        parts += [Text(), lines]
    return Group(*parts)


def _header(status: wire.Status) -> Text:
    text = Text.assemble((status.ecosystem, "name"), "   boundary: ")
    text.append(*(("enforced", "good") if status.enforced else ("NOT enforced", "bad")))
    ill = [f"{e} {p} {h}" for e, parts in status.parts.items() for p, h in parts.items() if h is not Health.HEALTHY]
    text.append("   parts: ")
    text.append(
        *((", ".join(ill), "bad") if ill else ("healthy", "good") if status.parts else ("not seen yet", "warn"))
    )
    text.append_text(_tried(status.probes))
    if status.limits:
        text.append("\nlimits: ").append_text(_limits(status.limits))
    mirror = status.mirror
    for freeze in status.freezes[:4]:
        text.append(f"\nfrozen: {frozen(freeze, status.at)}", "warn")
    text.append("\nmirror: ")
    style = "quiet" if not mirror.services else "warn" if mirror.breaks else "good"
    text.append(mirrored(mirror), style)
    for broken in mirror.breaks[:4]:
        since = f" (since {words.moment(broken.since, status.at)})" if broken.since else ""
        text.append(f"\n  {broken.service}: {broken.detail}{since}", "warn")
    if len(mirror.breaks) > 4:
        text.append(f"\n  and {len(mirror.breaks) - 4} more", "warn")
    return text


def _tried(probes: Sequence[wire.Probe]) -> Text:
    """What came of trying it: nothing before the first time is over."""
    over = [probe for probe in probes if probe.result is not None]
    if not over:
        return Text()
    tried, stopped = sum(probe.tried for probe in over), sum(probe.stopped for probe in over)
    unknown = [probe.ecosystem for probe in over if probe.result != "succeeded"]
    if unknown:
        return Text(f"   not tried in {words.listed(unknown)}", "warn")
    return Text(f"   {stopped} of {tried} ways across it stopped", "good" if stopped == tried else "bad")


def _limits(limits: Sequence[wire.Limit]) -> Text:
    """How many are in force. Which, how, and what the others would take is what `boundary` is for."""
    kept = sum(it.in_force for it in limits)
    if kept == len(limits):
        return Text(f"all {kept} are in force", "good")
    return Text(f"{kept} of {len(limits)} are in force; `twinstage boundary` names the others", "warn")


def mirrored(it: wire.Mirror) -> str:
    """``9 of 10 services whole; orders is being brought to its new release``."""
    text = f"{it.mirrored} of {words.count(it.services, 'service')} whole"
    if it.coming:
        whose = "is being brought to its" if len(it.coming) == 1 else "are being brought to their"
        text += f"; {words.listed(it.coming)} {whose} new release"
    if it.shared:
        text += f"; shares {words.listed(sorted({there.host for there in it.shared}))} with production"
    return text


def frozen(it: wire.Freeze, now: datetime) -> str:
    """``orders until 18:00:00 (in 3 h 10 m) by ada: a sale``."""
    return f"{it.service or 'every service'} {words.until(it.until, now)} by {it.by}: {it.why}"


def _services(status: wire.Status, width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="quiet")
    table.add_column("service", no_wrap=True)
    for phase in Phase:
        table.add_column(phase.value, overflow="fold")
    extras = _extras(status, width)
    for heading in extras:
        table.add_column(heading, no_wrap=True)
    for row in status.services:
        cells = [_cell(row, phase, status.at) for phase in Phase]
        table.add_row(_name(row), *cells, *(_extra(row, heading) for heading in extras))
    return table


def _extras(status: wire.Status, width: int) -> list[str]:
    """Columns that only some have: ports where they fit, troubles where there are any."""
    wide = ["staging ports", "production ports"] if width >= WIDE else []
    restarts = ["restarts"] if any(row.restarts for row in status.services) else []
    crossings = ["crossings"] if any(row.crossings.count for row in status.services) else []
    return [*restarts, *crossings, *wide]


def _extra(row: wire.ServiceRow, heading: str) -> Text:
    if heading == "restarts":
        return Text(f"{row.restarts:,}", "warn") if row.restarts else Text("")
    if heading == "crossings":
        return Text(f"{row.crossings.count:,}", "bad") if row.crossings.count else Text("")
    ports = row.ports.get(heading.split()[0])
    return Text.assemble(str(ports.frontend), (f" → {ports.backend}", "quiet")) if ports else Text("")


def _name(row: wire.ServiceRow) -> Text:
    held = ["\npinned" if row.pin else "", "\nfrozen" if row.freeze else ""]
    return Text.assemble((row.name, "name"), *((word, "warn") for word in held if word))


def _cell(row: wire.ServiceRow, phase: Phase, now: datetime) -> Text:
    lines: list[Text] = []
    if row.baseline is not None and phase in (Phase.STAGING, Phase.PRODUCTION):
        lines.append(_base(row, row.baseline, phase))
    lines += [_occupant(it, phase, now) for it in row.phases.get(phase, [])]
    return Text("\n").join(lines) if lines else Text("·", "quiet")


def _base(row: wire.ServiceRow, baseline: wire.Baseline, phase: Phase) -> Text:
    """The baseline in production, or its mirror in staging: the same release, so in staging it is drawn quietly."""
    production = phase is Phase.PRODUCTION
    count = baseline.production if production else baseline.staging
    text = Text(words.short(baseline.release), "" if production else "quiet").append(" ")
    text.append(words.health(count), "good" if count.healthy >= count.wanted else "bad")
    taken = sum(it.share for occupants in row.phases.values() for it in occupants)
    if production and taken:
        text.append(f" {100 - taken}%", "quiet")
    return text


def _occupant(it: wire.Occupant, phase: Phase, now: datetime) -> Text:
    text = Text(words.short(it.release or it.commit), "id").append(" ")
    if it.state == "retreating":
        return text.append("retreating", "warn")
    if phase in (Phase.CANARY, Phase.PRODUCTION):
        text.append_text(_traffic(it, phase))
    else:
        text.append(it.state, "busy")
    if it.health is not None and it.health.wanted:
        text.append(f" {words.health(it.health)}", "good" if it.health.healthy >= it.health.wanted else "warn")
    if it.progress is not None:
        text.append("\n").append_text(_progress(it.progress))
    elif phase is Phase.DEVELOPMENT:
        text.append(f" {words.span((now - it.since).total_seconds())}", "quiet")
    return text


def _traffic(it: wire.Occupant, phase: Phase) -> Text:
    return Text(f"{it.share}%" if phase is Phase.CANARY else f"→ {it.share}%", "busy")


def _progress(part: float) -> Text:
    return Text().append_text(share(round(part * 100), 12)[6:])


Line = tuple[Text, Text, Text]


def _moving(status: wire.Status) -> Iterator[Line]:
    """Why each open rollout is where it is, and until when."""
    for row in status.services:
        for occupants in row.phases.values():
            for it in occupants:
                why = Text(it.reason.sentence, "warn" if it.state == "retreating" else "")
                if it.reason.until is not None:
                    why.append(f" {words.until(it.reason.until, status.at)}", "quiet")
                yield Text(row.name, "name"), Text(words.short(it.release or it.commit), "id"), why
                for skip in it.skipped:
                    text = Text(f"{skip.phase.value} is skipped by {skip.by}: {skip.why}", "warn")
                    yield Text(row.name, "name"), Text(words.short(it.release or it.commit), "id"), text


def _ended(status: wire.Status) -> Iterator[Line]:
    """Services whose last release did not make it, as long as that is news."""
    for row in status.services:
        it = row.ended
        if it is None or it.state == "live" or any(row.phases.values()):
            continue
        if (status.at - it.at).total_seconds() <= RECENT:
            style = "bad" if it.state == "failed" else "quiet"
            text = Text.assemble((f"{it.state} {words.ago(it.at, status.at)}: ", style), it.sentence)
            yield Text(row.name, "name"), Text(words.short(it.release or it.commit), "id"), text


def _attention(status: wire.Status) -> Iterator[Line]:
    for it in status.attention:
        text = Text(it.text, "warn")
        if it.since is not None:
            text.append(f" ({words.ago(it.since, status.at)})", "quiet")
        yield Text(it.service or status.ecosystem, "name"), Text("!", "warn"), text
