"""What the documents name exists: files, functions, verbs, links, and the diagram as the table draws it."""

import re
from pathlib import Path

import pytest
import typer.main

from twinstage.cli.main import app
from twinstage.pipeline.states import diagram

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "twinstage"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
JOURNEY = (ROOT / "docs" / "journey.md").read_text()


def test_the_diagram_is_the_tables() -> None:
    drawn = re.search(r"```mermaid\n(.*?)```", JOURNEY, re.DOTALL)
    assert drawn
    assert drawn[1].strip() == diagram().strip()


def test_every_file_that_the_journey_names_exists() -> None:
    named = re.findall(r"`((?:src/twinstage/|tests/)?[a-z_/]+\.py)`", JOURNEY)
    assert len(named) > 30
    missing = [n for n in named if not any((base / n).is_file() for base in (ROOT, SOURCE))]
    assert not missing


def test_every_function_beside_a_file_is_in_it() -> None:
    pairs = re.findall(r"`([a-z_/]+\.py)`,?\s*\(?`([A-Za-z_.]+)`(?! \()", JOURNEY)
    pairs = [(file, name) for file, name in pairs if not name.endswith(".py")]
    assert len(pairs) > 10
    for file, name in pairs:
        text = (SOURCE / file).read_text()
        assert re.search(rf"(def|class) {name.rpartition('.')[2]}\b", text), f"{file} has no {name}"


def test_the_readme_names_every_verb() -> None:
    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    table = (ROOT / "README.md").read_text().partition("## Verbs")[2].partition("\n## ")[0]
    assert verbs <= set(re.findall(r"[a-z]+", table)), "a verb is not in the README"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]
