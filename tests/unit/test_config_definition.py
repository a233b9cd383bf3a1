"""twinstage.yaml: read whole, or refused with every mistake at once."""

from datetime import timedelta

import pytest

from twinstage.config.company import company
from twinstage.config.definition import definition
from twinstage.config.problems import Problem, Problems
from twinstage.model.bounds import Bounds
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.policy import EcosystemFile, Policy, ServiceEntry

MINIMAL = "service: orders\nrun: serve\ninstances: {production: 2, staging: 1}\n"

FULL = """\
service: orders
build: uv sync --frozen
run: |
  echo "50%" 'quoted'
  python -m orders
port: 8000
health: /healthz
instances: {production: 3, staging: 1}
depends_on: [payments, catalog-eu]
config:
  PAGE_SIZE: 50
  RATE: 1.10
  CODE: 007
  ON: true
  EMPTY: ""
  MODE: {staging: sandbox, production: live}
gates:
  lint: ruff check .
  house-style: ./style
verify: pytest tests/staging
drain: 1m30s
limits: {memory: 512M, processes: 256}
"""


def problems(text: str, **context: object) -> tuple[Problem, ...]:
    with pytest.raises(Problems) as caught:
        definition(text, "twinstage.yaml", **context)  # type: ignore[arg-type]
    return caught.value.problems


def test_a_full_definition() -> None:
    read = definition(FULL.encode())

    assert read.web.run == "echo \"50%\" 'quoted'\npython -m orders\n"
    assert (read.web.port, read.web.health, read.web.drain) == (8000, "/healthz", timedelta(seconds=90))
    assert read.web.instances == {Ecosystem.PRODUCTION: 3, Ecosystem.STAGING: 1}
    assert read.limits == {"memory": 512 << 20, "processes": 256}
    assert read.depends_on == ("payments", "catalog-eu")
    staging = {name: by[Ecosystem.STAGING] for name, by in read.config.items()}
    assert staging == {
        "PAGE_SIZE": "50", "RATE": "1.10", "CODE": "007", "ON": "true", "EMPTY": "", "MODE": "sandbox",
    }  # fmt: skip
    assert read.config["MODE"][Ecosystem.PRODUCTION] == "live"
    assert read.gates == {"lint": "ruff check .", "house-style": "./style"}


def test_a_minimal_definition_has_defaults() -> None:
    read = definition(MINIMAL)

    assert (read.build, read.verify, read.web.health, read.web.port) == (None, None, None, None)
    assert read.web.drain == timedelta(seconds=30)


def test_every_problem_at_once_in_the_order_of_the_file() -> None:
    found = problems("service: Orders\nhelth: /x\ninstances: {production: 1, staging: 2}\nport: 40000\n")

    assert [(p.line, p.path) for p in found] == [
        (1, "service"), (1, "run"), (2, "helth"), (3, "instances.staging"), (4, "port"),
    ]  # fmt: skip
    assert found[2].right == "did you mean health?"
    assert str(found[2]) == "twinstage.yaml:2: helth: unknown key; did you mean health?"


@pytest.mark.parametrize(
    ("line", "path", "says"),
    [
        ("run: [a]", "run", "is a list"),
        ("run: true", "run", "in quotes"),
        ("run: ''", "run", "is empty"),
        ("run:", "run", "is empty"),
        ('run: "a\\0b"', "run", "U+0000"),
        ('run: "a\\rb"', "run", "U+000D"),
        ("build: ' '", "build", "is empty"),
        ("health: healthz", "health", "begins with /"),
        ("health: /a b", "health", "cannot be used"),
        ("port: 0", "port", "from 1 to 32767"),
        ("port: 32768", "port", "from 1 to 32767"),
        ("port: '80'", "port", "is a text"),
        ("port: 1.5", "port", "is 1.5"),
        ("port: 0x10", "port", "is 0x10"),
        ("instances: 3", "instances", "{production: 3, staging: 1}"),
        ("instances: {production: 1}", "instances", "staging is missing"),
        ("instances: {production: 0, staging: 1}", "instances.production", "from 1 to 60"),
        ("instances: {production: 61, staging: 1}", "instances.production", "from 1 to 60"),
        ("instances: {production: 1, staging: 2}", "instances.staging", "more than production's 1"),
        ("depends_on: payments", "depends_on", "is a text"),
        ("depends_on: [orders]", "depends_on[0]", "cannot depend on itself"),
        ("depends_on: [a, a]", "depends_on[1]", "stands twice"),
        ("depends_on: [A]", "depends_on[0]", "cannot be used"),
        ("config: {PORT: 1}", "config.PORT", "set by Twinstage"),
        ("config: {TWINSTAGE_X: 1}", "config.TWINSTAGE_X", "set by Twinstage"),
        ("config: {A-B: 1}", "config.A-B", "cannot be a name"),
        ("config: {1A: 1}", "config.1A", "cannot be a name"),
        ("config: {A: }", "config.A", "is empty"),
        ("config: {A: [1]}", "config.A", "is a list"),
        ('config: {A: "x\\0"}', "config.A", "U+0000"),
        ("config: {A: {staging: 1}}", "config.A", "no value for production"),
        ("config: {A: {staging: 1, production: }}", "config.A.production", "is empty"),
        ("config: {A: {staging: 1, production: 2, test: 3}}", "config.A.test", "unknown key"),
        ("secrets: [PORT]", "secrets", "set by Twinstage"),
        ("secrets: [TWINSTAGE_KEY]", "secrets", "set by Twinstage"),
        ("secrets: [A, A]", "secrets[1]", "stands twice"),
        ("secrets: [a-b]", "secrets[0]", "cannot be used"),
        ("secrets: {A: x}", "secrets", "write a list of names"),
        ("gates: {review: x}", "gates.review", "Reviewed-by"),
        ("gates: {Lint: x}", "gates.Lint", "cannot be a name"),
        ("gates: {lint: }", "gates.lint", "is empty"),
        ("limits: {memory: 1T}", "limits.memory", "a size such as"),
        ("limits: {memory: 1.5G}", "limits.memory", "a size such as"),
        ("limits: {files: many}", "limits.files", "whole number"),
        ("limits: {work: 1G}", "limits.work", "unknown key"),
        ("limits: 512M", "limits", "write limits: {memory: 512M"),
        ("drain: 30", "drain", 'such as "30s"'),
        ("drain: 30 s", "drain", 'such as "30s"'),
        ("drain: 11m", "drain", "from 0s to 10m"),
        ("processes: {}", "processes", "not yet"),
        ("servce: x", "servce", "did you mean service?"),
    ],
)
def test_one_problem(line: str, path: str, says: str) -> None:
    key = line.split(":")[0]
    kept = [other for other in MINIMAL.splitlines() if other.split(":")[0] != key]
    (found,) = problems("\n".join([*kept, line]))

    assert (found.line, found.path) == (len(kept) + 1, path)
    assert says in f"{found.message}; {found.right}"


def test_an_ecosystem_misspelt_is_unknown_and_missing() -> None:
    found = problems(MINIMAL.replace("production", "prod"))
    assert [(p.path, p.right.split(" {")[0]) for p in found] == [
        ("instances.prod", "did you mean production?"),
        ("instances", "write instances:"),
    ]


def test_a_value_may_not_hide_a_dependency() -> None:
    (found,) = problems(MINIMAL + "depends_on: [pay-eu]\nconfig: {PAY_EU_URL: x}\n")
    assert found.path == "config.PAY_EU_URL"
    assert "pay-eu" in found.message


def test_a_secret_may_hide_neither_an_address_nor_a_setting() -> None:
    text = MINIMAL + "depends_on: [pay-eu]\nconfig: {MODE: x}\nsecrets: [PAY_EU_URL, MODE, PAYMENT_KEY]\n"
    found = problems(text)
    assert {p.path for p in found} == {"secrets"}
    assert "the address of pay-eu" in found[0].message
    assert "MODE stands under config too" in found[1].message
    read = definition(MINIMAL + "secrets: [PAYMENT_KEY, TOKEN]\n")
    assert read.secrets == ("PAYMENT_KEY", "TOKEN")


@pytest.mark.parametrize("name", ["localhost", "twinstage"])
def test_reserved_service_names(name: str) -> None:
    (found,) = problems(MINIMAL.replace("orders", name))
    assert found.path == "service"


def test_what_the_company_knows_is_checked_where_it_is_given() -> None:
    text = MINIMAL + "depends_on: [paymnts]\ngates: {lint: x}\n"
    found = problems(text, service="other", known=["payments", "other"], asked=["lint", "unit", "review"])

    assert [(p.line, p.path) for p in found] == [(1, "service"), (4, "depends_on[0]"), (5, "gates.unit")]
    assert found[1].right == "did you mean payments?"


def test_a_company_reports_all_its_files_at_once() -> None:
    names = [ServiceName("orders"), ServiceName("payments")]
    entries = tuple(ServiceEntry(service=name, repository=f"/{name}") for name in names)
    file = EcosystemFile(name="shop", services=entries, policy=Policy(gates=("review",)))
    good = {name: (f"{name}.yaml", MINIMAL.replace("orders", name)) for name in names}

    assert sorted(company(good, file)) == names
    bad = {name: (place, text + "depends_on: [payment]") for name, (place, text) in good.items()}
    with pytest.raises(Problems) as caught:
        company(bad, file)
    assert [found.file for found in caught.value.problems] == ["orders.yaml", "payments.yaml"]
    found = caught.value.problems[0]
    assert (found.path, found.right) == ("depends_on[0]", "did you mean payments?")


def test_a_service_may_be_stricter_than_the_standard_never_looser() -> None:
    text = MINIMAL + "limits: {memory: 4G, processes: 16}\n"
    (wrong,) = problems(text, most=Bounds(memory=2 << 30))
    assert str(wrong) == "twinstage.yaml:4: limits.memory: is more than the standard's 2G; write at most 2G"
    stated = definition(text).limits
    assert Bounds(memory=2 << 30, files=100).narrowed(stated) == Bounds(memory=2 << 30, processes=16, files=100)


DATABASES = """\
databases:
  orders: {migrate: "python -m orders.migrate"}
  archive: {}
  plain:
gates:
  lint: ruff check .
  integration: {run: pytest tests/integration, databases: [orders, plain]}
"""


def test_databases_and_the_gates_that_get_them() -> None:
    read = definition(MINIMAL + DATABASES)
    assert read.databases == {"orders": "python -m orders.migrate", "archive": None, "plain": None}
    assert read.gates == {"lint": "ruff check .", "integration": "pytest tests/integration"}
    assert read.gate_databases == {"integration": ("orders", "plain")}


@pytest.mark.parametrize(
    ("section", "path", "says"),
    [
        ("databases: {Orders: {migrate: x}}", "databases.Orders", "cannot be a name"),
        ("databases: {orders: {migrat: x}}", "databases.orders.migrat", "did you mean migrate?"),
        ("databases: {orders: {migrate: }}", "databases.orders.migrate", "one shell command"),
        ("databases: {orders: python -m orders.migrate}", "databases.orders", "{orders: {migrate:"),
        ("databases: [orders]", "databases", "write databases by name"),
        (f"databases: {{{', '.join(f'd{n}: ' for n in range(11))}}}", "databases", "at most 10"),
        (
            "databases: {orders: }\nconfig: {ORDERS_DATABASE_URL: x}",
            "config.ORDERS_DATABASE_URL",
            "its database orders",
        ),
        ("depends_on: [pay-database]\ndatabases: {pay: }", "databases.pay", "pay-database already"),
        ("databases: {orders: }\ngates: {unit: {databases: [orders]}}", "gates.unit", "run is missing"),
        (
            "databases: {orders: }\ngates: {unit: {run: x, databases: [order]}}",
            "gates.unit.databases[0]",
            "mean orders?",
        ),
        ("gates: {unit: {run: x, databases: [orders]}}", "gates.unit.databases[0]", "declare it under `databases`"),
        ("databases: {a: }\ngates: {unit: {run: x, databases: [a, a]}}", "gates.unit.databases[1]", "stands twice"),
        ("databases: {a: }\ngates: {unit: {rum: x, databases: [a]}}", "gates.unit.rum", "did you mean run?"),
    ],
)
def test_mistakes_about_databases(section: str, path: str, says: str) -> None:
    found = problems(MINIMAL + section)
    assert path in [problem.path for problem in found]
    assert says in " ".join(f"{problem.message}; {problem.right}" for problem in found if problem.path == path)


def test_a_database_and_its_service_have_a_name_that_postgresql_can_hold() -> None:
    service = MINIMAL.replace("orders", "o" * 30)
    assert definition(service + f"databases: {{{'d' * 20}: }}").databases
    (found,) = problems(service + f"databases: {{{'d' * 21}: }}")
    assert found.right == "at most 20 characters"
