"""twinstage.yaml: read whole, or refused with every mistake at once."""

from datetime import timedelta

import pytest

from twinstage.config.company import company, missing
from twinstage.config.definition import definition
from twinstage.config.problems import Problem, Problems
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
        ("gates: {review: x}", "gates.review", "Reviewed-by"),
        ("gates: {Lint: x}", "gates.Lint", "cannot be a name"),
        ("gates: {lint: }", "gates.lint", "is empty"),
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


@pytest.mark.parametrize("name", ["localhost", "twinstage"])
def test_reserved_service_names(name: str) -> None:
    (found,) = problems(MINIMAL.replace("orders", name))
    assert found.path == "service"


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("databases: {orders: {migrate: python -m orders.migrate}}", "databases come with a later version"),
        ("databases: {orders: }", "databases come with a later version"),
        ("secrets: [PAYMENT_KEY]", "secrets come with a later version"),
        ('outside: {stripe: {production: "api.stripe.com:443", staging: "a.example:443"}}', "outside names come"),
    ],
)
def test_sections_of_a_later_version_are_refused(section: str, says: str) -> None:
    (found,) = problems(MINIMAL + section)
    assert found.line == 4
    assert f"not yet: {says}" in found.message
    assert found.right == "remove the section"


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ("databases: {Orders: {migrate: x}}", "databases.Orders"),
        ("databases: {orders: {migrat: x}}", "databases.orders.migrat"),
        ("secrets: [a-b]", "secrets[0]"),
        ("outside: {stripe: {production: 'api.stripe.com:443'}}", "outside.stripe"),
        ("outside: {stripe: {production: 'a:0', staging: 'b:1'}}", "outside.stripe.production"),
        ("outside: {stripe: api.stripe.com}", "outside.stripe"),
    ],
)
def test_their_shape_is_checked_all_the_same(section: str, path: str) -> None:
    assert path in [found.path for found in problems(MINIMAL + section)]


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
    (found,) = missing({"orders.yaml": definition(bad[names[0]][1])}, file)
    assert (found.path, found.right) == ("depends_on", "did you mean payments?")
