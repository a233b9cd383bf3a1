"""``twinstage up``"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from twinstage.cli import words
from twinstage.cli.company import reach, whoami
from twinstage.cli.definitions import read_ecosystem
from twinstage.cli.exits import Exit, Stop
from twinstage.cli.screen import lively, output
from twinstage.model.policy import EcosystemFile
from twinstage.runtime.local import host

File = Annotated[Path, typer.Argument(metavar="[FILE]", help="The company's ecosystem.yaml.", show_default=False)]


def up(file: File = Path("ecosystem.yaml")) -> None:
    """Bring up the company of FILE on this machine, or bring its changes into force where it is up."""
    start = time.monotonic()
    company = read_ecosystem(file)
    try:
        _with_progress(lambda report: _bring_up(company, report))
    except host.HostTrouble as trouble:
        raise Stop.telling(Exit.TROUBLE, f"cannot bring up {company.name}", str(trouble)) from None
    except KeyboardInterrupt:
        hint = "`twinstage up` goes on from here; `twinstage down` stops what runs"
        raise Stop(Exit.INTERRUPTED, f"stopped while {company.name} came up", hint=hint) from None
    output().print(f"[good]✔[/] {escape(company.name)} is up after {words.span(time.monotonic() - start)}")
    _hint(company)


def _bring_up(company: EcosystemFile, report: Callable[[str], None]) -> None:
    host.up(company, report)
    report("bringing ecosystem.yaml into force")
    _configure(company)


def _configure(company: EcosystemFile) -> None:
    with reach(company.name) as client:
        intent = client.answered(client.configure(company, whoami()))
    if not intent.accepted:
        raise Stop(Exit.WAITING, f"{company.name} does not take this file", detail=intent.answer)


def _hint(company: EcosystemFile) -> None:
    """What to do next: ship what was never shipped, or look."""
    console = output()
    with reach(company.name) as client:
        status = client.status()
    running = [row for row in status.services if row.baseline]
    console.print(f"  {words.count(len(status.services), 'service')}, {len(running)} in production, ", end="")
    console.print(f"{status.mirror.mirrored} mirrored in staging")
    if running:
        first = running[0]
        console.print(f"  {escape(first.name)}: http://127.0.0.1:{first.ports['production'].frontend}", end="")
        console.print(f" (staging: http://127.0.0.1:{first.ports['staging'].frontend})")
        console.print("[busy]→[/] `twinstage status` shows the rest")
    elif status.services:
        console.print("[busy]→[/] `twinstage submit --all` ships every service's branch")


def _with_progress(work: Callable[[Callable[[str], None]], None]) -> None:
    """Steps as they come: one line each, and a spinner on the present one where the terminal can."""
    console = output()
    start = time.monotonic()
    if not lively(console):
        work(lambda text: console.print(f"{words.span(time.monotonic() - start):>7}  {escape(text)}"))
        return
    with console.status("starting", spinner="dots") as spinner:
        present = ""

        def report(text: str) -> None:
            nonlocal present
            if present:
                console.print(f"  [good]✔[/] {escape(present)}")
            present = text
            spinner.update(f"[busy]{escape(text)}[/]")

        work(report)
        if present:
            console.print(f"  [good]✔[/] {escape(present)}")
