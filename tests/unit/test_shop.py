"""The example company keeps its promises: ten services, one of everything that the play shows."""

import re
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from twinstage.config.company import company
from twinstage.config.ecosystem import ecosystem
from twinstage.demo.company import NAME
from twinstage.demo.repositories import examples
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.policy import EcosystemFile
from twinstage.model.release import Definition

SERVICES = sorted(path.parent for path in examples().glob("*/twinstage.yaml"))
NAMES = [path.name for path in SERVICES]


@pytest.fixture(scope="module")
def file() -> EcosystemFile:
    return ecosystem((examples() / "ecosystem.yaml").read_text(), "ecosystem.yaml", examples())


@pytest.fixture(scope="module")
def definitions(file: EcosystemFile) -> dict[ServiceName, Definition]:
    texts = {ServiceName(p.name): (f"{p.name}/twinstage.yaml", (p / "twinstage.yaml").read_text()) for p in SERVICES}
    return company(texts, file)


def test_there_are_ten_and_the_company_names_them_all(file: EcosystemFile) -> None:
    assert len(NAMES) == 10
    assert sorted(entry.service for entry in file.services) == NAMES
    assert file.name == NAME


def test_the_storefront_depends_on_the_nine_others(definitions: dict[ServiceName, Definition]) -> None:
    reached, ahead = set(), [ServiceName("storefront")]
    while ahead:
        for name in definitions[ahead.pop()].depends_on:
            if name not in reached:
                reached.add(name)
                ahead.append(name)
    assert sorted(reached | {"storefront"}) == NAMES


def test_pricing_and_promotions_are_the_only_cycle(definitions: dict[ServiceName, Definition]) -> None:
    graph = {name: set(definition.depends_on) for name, definition in definitions.items()}
    with pytest.raises(CycleError) as cycle:
        TopologicalSorter(graph).prepare()
    assert set(cycle.value.args[1]) == {"pricing", "promotions"}
    graph[ServiceName("promotions")] = set()
    TopologicalSorter(graph).prepare()


def test_one_program_cannot_read_its_port(definitions: dict[ServiceName, Definition]) -> None:
    fixed = {name: d.web.port for name, d in definitions.items() if d.web.port}
    assert fixed == {"inventory": 8000}
    assert "PORT = 8000" in (examples() / "inventory/src/inventory/__main__.py").read_text()


def test_there_are_three_ways_to_serve_http() -> None:
    used = {p.name: tomllib.loads((p / "pyproject.toml").read_text())["project"]["dependencies"] for p in SERVICES}
    frameworks = {" ".join(re.sub(r"[^a-z].*", "", part) for part in parts) for parts in used.values()}
    assert frameworks == {"flask waitress", "starlette uvicorn", ""}


@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
def test_a_service_runs_twice_in_production_and_differs_by_ecosystem(
    service: Path, definitions: dict[ServiceName, Definition]
) -> None:
    definition = definitions[ServiceName(service.name)]
    assert definition.web.instances == {Ecosystem.PRODUCTION: 2, Ecosystem.STAGING: 1}
    assert definition.config["MODE"] == {Ecosystem.PRODUCTION: "live", Ecosystem.STAGING: "sandbox"}
    assert {"lint", "unit", "integration"} <= set(definition.gates)
    assert definition.verify


@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
def test_what_calls_neighbours_carries_the_baggage_on(
    service: Path, definitions: dict[ServiceName, Definition]
) -> None:
    source = "".join(path.read_text() for path in (service / "src").rglob("*.py"))
    called = set(re.findall(r'\bcall\(\s*"([a-z]+)"', source))
    assert called == set(definitions[ServiceName(service.name)].depends_on)
    calls = re.findall(r"(?<!def )\bcall\((?:[^()]|\([^()]*\))*\)", source)
    assert all("baggage=" in call for call in calls)


@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
def test_a_service_is_small_and_locked(service: Path) -> None:
    sources = list((service / "src").rglob("*.py"))
    assert sum(len(path.read_text().splitlines()) for path in sources) < 200
    lock = tomllib.loads((service / "uv.lock").read_text())
    assert service.name in {package["name"] for package in lock["package"]}
