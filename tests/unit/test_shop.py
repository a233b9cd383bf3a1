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
KEEPERS = [path.parents[2].name for path in sorted(examples().glob("*/src/*/migrate.py"))]
"""Those with a database."""


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
    names = [{re.sub(r"[^a-z].*", "", part) for part in parts} for parts in used.values()]
    assert {" ".join(sorted(part - {"psycopg"})) for part in names} == {"flask waitress", "starlette uvicorn", ""}


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
    assert sum(len(path.read_text().splitlines()) for path in sources) < (350 if service.name in KEEPERS else 200)
    lock = tomllib.loads((service / "uv.lock").read_text())
    assert service.name in {package["name"] for package in lock["package"]}


def test_three_keep_data(definitions: dict[ServiceName, Definition]) -> None:
    assert KEEPERS == ["inventory", "orders", "payments"]
    assert sorted(name for name, definition in definitions.items() if definition.databases) == KEEPERS


@pytest.mark.parametrize("service", KEEPERS)
def test_a_database_is_migrated_tried_and_watched(service: str, definitions: dict[ServiceName, Definition]) -> None:
    definition = definitions[ServiceName(service)]
    assert definition.databases == {service: f"python -m {service}.migrate"}
    assert definition.gate_databases == {"integration": (service,)}
    sources = "".join(path.read_text() for path in (examples() / service / "src").rglob("*.py"))
    assert f'os.environ["{service.upper()}_DATABASE_URL"]' in sources
    assert "psycopg" in {p["name"] for p in tomllib.loads((examples() / service / "uv.lock").read_text())["package"]}
    assert '"database": "answers"' in (examples() / service / "tests/integration/test_program.py").read_text()


@pytest.mark.parametrize("service", KEEPERS)
def test_migrations_are_in_order_and_only_add(service: str) -> None:
    scripts = sorted((examples() / service / "src" / service / "migrations").iterdir())
    assert [re.sub(r"_[a-z_]+\.sql$", "", path.name) for path in scripts] == [
        f"{number:04}" for number in range(1, len(scripts) + 1)
    ]
    for path in scripts:
        assert not re.search(r"\b(DROP|RENAME|COMMIT|ROLLBACK|TRUNCATE)\b", path.read_text(), re.IGNORECASE)


def test_the_runner_of_migrations_is_the_same_everywhere() -> None:
    """Each service has its own, as services share no code; but nobody should have to read three."""

    def nameless(service: str) -> tuple[str, ...]:
        home = examples() / service / "src" / service
        return tuple(
            (home / file).read_text().replace(service, "x").replace(service.upper(), "X")
            for file in ("migrate.py", "database.py")
        )

    assert len({nameless(service) for service in KEEPERS}) == 1
