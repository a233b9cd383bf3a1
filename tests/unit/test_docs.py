"""What the documents name exists: files, functions, verbs, keys, variables, links; and what they take from the code is as the
code has it."""

import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main
from docs_stands import stand_all
from script_module import script

from twinstage.cli.exits import Exit
from twinstage.cli.main import app
from twinstage.config import definition as definitions
from twinstage.config import ecosystem as ecosystems
from twinstage.config import standard
from twinstage.config.definition import definition
from twinstage.config.ecosystem import ecosystem
from twinstage.model.policy import Policy
from twinstage.pipeline.states import diagram
from twinstage.runtime.local import instance

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "twinstage"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "reference"
README = (ROOT / "README.md").read_text()
JOURNEY = (ROOT / "docs" / "journey.md").read_text()
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return script("reference")


def test_the_diagram_is_the_tables() -> None:
    drawn = re.search(r"```mermaid\n(.*?)```", JOURNEY, re.DOTALL)
    assert drawn
    assert drawn[1].strip() == diagram().strip()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_generated_is_up_to_date(page: Path, reference: ModuleType) -> None:
    text = page.read_text()
    assert reference.filled(text) == text, "run script/reference"


def test_every_part_that_is_generated_stands_somewhere(reference: ModuleType) -> None:
    named = {found for page in PAGES for found in re.findall(r"<!-- generated: ([a-z-]+) -->", page.read_text())}
    assert named == set(reference.PARTS)


def test_every_reason_has_somebody_whose_move_it_is(reference: ModuleType) -> None:
    said = set(reference.owners())
    assert set(reference.SENTENCES) == said, "a sentence that no place in the code says"


def test_every_error_says_what_to_do(reference: ModuleType) -> None:
    assert not reference.sayings.undone(), "write it after a semicolon, or in script/sayings.py"
    assert set(reference.sayings.EXITS) == set(Exit)
    for cell in (
        row.rpartition(" | ")[2] for part in ("findings", "mistakes") for row in lines(reference.PARTS[part]())
    ):
        assert cell.strip(" |"), "a finding or a mistake without advice"


def test_every_kind_of_error_is_told_or_is_nobodys_to_read(reference: ModuleType) -> None:
    sayings = reference.sayings
    told = {name for _, names in sayings.TELLING.values() for name in names} - {"Problem"}
    assert sayings.exceptions() == told | set(sayings.INTERNAL), "a new one: say in script/sayings.py who reads it"
    every = [row for places, names in sayings.TELLING.values() for row in sayings.told(places, names)]
    unused = [start for start in sayings.TODO if not any(message.startswith(start) for message, _ in every)]
    assert not unused, "advice for what nothing says any more"


def lines(markdown: str) -> list[str]:
    return [line for line in markdown.splitlines() if line.startswith("| ") and not line.startswith("| ---")]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.py)`", page.read_text())
    missing = [n for n in named if not any((base / n).is_file() for base in (ROOT, SOURCE))]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_test_that_is_named_is_there(page: Path) -> None:
    for file, it in re.findall(r"`(tests/[a-z_/0-9]+\.py)::([a-z_0-9]+)`", page.read_text()):
        assert f"def {it}(" in (ROOT / file).read_text(), f"{file} has no {it}"


def test_every_function_beside_a_file_is_in_it() -> None:
    pairs = re.findall(r"`([a-z_/]+\.py)`,?\s*\(?`([A-Za-z_.]+)`(?! \()", JOURNEY)
    pairs = [(file, it) for file, it in pairs if not it.endswith(".py")]
    assert len(pairs) > 40
    for file, it in pairs:
        text = (SOURCE / file).read_text()
        for part in it.split("."):
            assert re.search(rf"(def|class) {part}\b", text), f"{file} has no {it}"


def test_the_readme_names_every_verb_and_no_other() -> None:
    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    table = README.partition("## Verbs")[2].partition("\n## ")[0]
    assert verbs <= set(re.findall(r"[a-z]+", table)), "a verb is not in the README"
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {it for row in first for it in re.findall(r"`([a-z]+)", row)} <= verbs


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_in_a_page_has_a_verb_that_exists(page: Path) -> None:
    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    used = set(re.findall(r"(?:^|`|\$ |&& |script/)twinstage ([a-z]+)\b", page.read_text(), re.MULTILINE))
    assert used <= verbs


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text())
    for path, anchor in links:
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{path} is not there"
        if anchor:
            assert anchor in anchors(there), f"{path or page.name} has no #{anchor}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_definitions_in_a_page_can_be_read(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        if block.startswith("service:"):
            definition(block)
        elif block.startswith("ecosystem:"):
            ecosystem(block, "ecosystem.yaml", ROOT)


def test_every_key_of_a_definition_is_described() -> None:
    text = (REFERENCE / "definition.md").read_text()
    rows = set(re.findall(r"^\| `([a-z_]+)(?:\.[a-z]+)?` \|", text, re.MULTILINE))
    assert rows == set(definitions.KEYS)
    assert all(f"`{key}`" in text for key in definitions.LATER)


def test_every_key_of_an_ecosystem_is_described() -> None:
    text = (REFERENCE / "ecosystem.md").read_text()
    parts = {"canary": standard.CANARY, "production": standard.PRODUCTION}
    wanted = [*ecosystems.KEYS, *ecosystems.ENTRY, *standard.KEYS, *Policy().limits, "lanes"]
    wanted += [f"{of}.{key}" for of, keys in parts.items() for key in keys]
    missing = [key for key in wanted if key not in text]
    assert not missing


def test_every_variable_of_ours_is_described() -> None:
    text = (REFERENCE / "environment.md").read_text()
    files = [*SOURCE.rglob("*.py"), ROOT / "script" / "setup"]
    ours = {it for file in files for it in re.findall(r"\bTWINSTAGE_[A-Z_]+[A-Z]\b", file.read_text())}
    described = set(re.findall(r"\bTWINSTAGE_[A-Z_]+[A-Z]\b", text))
    assert ours == described


def test_what_programs_find_around_them_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []

    def inner(*, environment: dict[str, str], **_: Any) -> list[str]:
        seen.append(set(environment))
        return []

    monkeypatch.setattr(instance.arguments, "inner", inner)
    stand_all(instance)
    text = (REFERENCE / "environment.md").read_text()
    missing = {it for variables in seen for it in variables if f"`{it}`" not in text and not it.endswith("_URL")}
    assert len(seen) == 4
    assert missing == {"PAGE_SIZE", "https_proxy", "http_proxy"}  # a definition's own, and the same in lower case


def test_the_tutorial_is_a_script() -> None:
    script = "\n".join(re.findall(r"```sh\n(.*?)```", TUTORIAL, re.DOTALL))
    assert len(script.splitlines()) > 100
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    for written in re.findall(r"cat > (?:twinstage|ecosystem)\.yaml <<'END'\n(.*?)\nEND", script, re.DOTALL):
        if written.startswith("service:"):
            definition(written)
        else:
            ecosystem(written, "ecosystem.yaml", ROOT)
