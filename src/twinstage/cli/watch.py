"""``twinstage watch``"""

import sys

from rich.live import Live

from twinstage import wire
from twinstage.cli import table, words
from twinstage.cli.company import Json, Named, reach
from twinstage.cli.screen import lively, output
from twinstage.cli.visible import in_json, one_line
from twinstage.client import Client

POLL = 1.0
"""Seconds between two pictures when nothing changes: clocks and bars go on."""


def watch(ecosystem: Named = None, json: Json = False) -> None:
    """Show the status, live, until Ctrl-C. Piped: a line for every change; with --json: a document for every change."""
    with reach(ecosystem, patience=120.0) as client:
        try:
            if json:
                _documents(client)
            elif lively(output()):
                _live(client)
            else:
                _lines(client)
        except KeyboardInterrupt:
            return  # that is how one leaves: nothing was stopped by it


def _live(client: Client) -> None:
    console = output()
    with Live(console=console, screen=True, refresh_per_second=4, vertical_overflow="crop") as live:
        found = client.status()
        while True:
            live.update(table.draw(found, console.width))
            found = client.status(after=found.version, wait=POLL)


def _documents(client: Client) -> None:
    found = client.status()
    while True:
        sys.stdout.write(in_json(found.model_dump_json()) + "\n")
        sys.stdout.flush()
        found = _next(client, found)


def _lines(client: Client) -> None:
    console = output()
    said: dict[str, str] = {}
    found = client.status()
    while True:
        lines = dict(_facts(found))
        for key, line in lines.items():
            if said.get(key) != line:
                text = one_line(f"{words.moment(found.at, found.at)}  {line}")
                console.print(text, markup=False, soft_wrap=True)
        said = lines
        found = _next(client, found)


def _facts(found: wire.Status) -> list[tuple[str, str]]:
    """What is worth a line when it changes, by what it is about."""
    facts = [("mirror", f"mirror: {table.mirrored(found.mirror)}")]
    for freeze in found.freezes:
        facts.append((f"freeze {freeze.service or ''}", f"frozen: {table.frozen(freeze, freeze.at)}"))
    for row in found.services:
        if row.baseline is not None:
            health = words.health(row.baseline.production)
            facts.append((row.name, f"{row.name}: production runs {row.baseline.release}, {health} healthy"))
        for occupants in row.phases.values():
            for it in occupants:
                share = f" ({it.share} %)" if it.share else ""
                facts.append((it.rollout, f"{row.name} {it.rollout}: {it.state}{share}: {it.reason.sentence}"))
        if (end := row.ended) is not None:
            facts.append((end.rollout, f"{row.name} {end.rollout}: {end.state}: {end.sentence}"))
    return [*facts, *((it.text, f"{it.service or found.ecosystem}: {it.text}") for it in found.attention)]


def _next(client: Client, found: wire.Status) -> wire.Status:
    """The next status that differs."""
    while True:
        later = client.status(after=found.version, wait=10)
        if later.version != found.version:
            return later
