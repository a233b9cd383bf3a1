"""``twinstage check``"""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from twinstage.cli import words
from twinstage.cli.definitions import mistaken, read, read_ecosystem
from twinstage.cli.screen import output
from twinstage.config.company import company
from twinstage.config.definition import definition
from twinstage.config.problems import Problems
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.policy import EcosystemFile

File = Annotated[
    Path | None,
    typer.Argument(help="A twinstage.yaml or an ecosystem.yaml. Default: the one that lies here.", show_default=False),
]


def check(file: File = None) -> None:
    """Tell every mistake in a definition: file, line, what would be right. Nothing has to be up for it."""
    chosen = file or _here()
    if _is_ecosystem(chosen):
        _ecosystem(chosen)
    else:
        _service(chosen)


def _here() -> Path:
    service, company_file = Path("twinstage.yaml"), Path("ecosystem.yaml")
    return company_file if company_file.is_file() and not service.is_file() else service


def _is_ecosystem(file: Path) -> bool:
    """By its name; where that says nothing, by its first key."""
    if file.name in ("ecosystem.yaml", "ecosystem.yml"):
        return True
    if file.name in ("twinstage.yaml", "twinstage.yml"):
        return False
    return any(line.startswith(b"ecosystem:") for line in read(file).splitlines())


def _service(file: Path) -> None:
    try:
        found = definition(read(file), str(file))
    except Problems as problems:
        raise mistaken(file, (str(p) for p in problems.problems)) from None
    web = found.web
    output().print(
        f"[good]✔[/] {escape(str(file))}: {escape(found.service)}, "
        f"{web.instances[Ecosystem.PRODUCTION]} instances in production and {web.instances[Ecosystem.STAGING]} in staging, "
        f"{words.count(len(found.depends_on), 'dependency', 'dependencies')}, {words.count(len(found.gates), 'gate')}"
    )


def _ecosystem(file: Path) -> None:
    """The file, and the definitions of its services as far as they lie on this machine's disk."""
    found = read_ecosystem(file)
    try:
        company(_definitions(found), found)
    except Problems as problems:
        raise mistaken(file, (str(p) for p in problems.problems)) from None
    output().print(
        f"[good]✔[/] {escape(str(file))}: {escape(found.name)}, {words.count(len(found.services), 'service')}, "
        f"gates {words.listed(found.policy.gates, 8)}"
    )


def _definitions(found: EcosystemFile) -> dict[ServiceName, tuple[str, str | bytes]]:
    """A working copy may lack the file, or be elsewhere: what is submitted is a commit, and is checked then."""
    texts: dict[ServiceName, tuple[str, str | bytes]] = {}
    for entry in found.services:
        place = Path(entry.repository) / entry.path / "twinstage.yaml"
        if place.is_file():
            texts[entry.service] = (str(place), read(place))
    return texts
