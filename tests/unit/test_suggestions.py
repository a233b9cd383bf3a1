"""`boundary suggest`: from the sentinel's own words to lines that `check` accepts and that would have let the attempt through."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from face_company import START, Company, release, workload
from face_shell import Shell
from ruamel.yaml import YAML

from twinstage.config.definition import definition
from twinstage.config.outside import bare
from twinstage.draft.suggestion import Suggestion, suggest
from twinstage.inside.targets import Target, World
from twinstage.inside.wires import GATEWAY, Doors, Ports, Wire
from twinstage.model.names import Ecosystem, InstanceId, ReleaseId, ServiceName
from twinstage.model.seen import Crossing
from twinstage.model.workload import WorkloadKey
from twinstage.store.rows import Attributed

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SERVICES = ("orders", "payments", "catalog", "user-data")
PLAIN = "service: orders\nrun: serve\ninstances: {production: 1, staging: 1}\n"
DECLARED = """depends_on: [payments]
databases:
  orders: {migrate: "python -m orders.migrate \\"it\\""}
outside:
  rates: {production: "rates.example:443", staging: "rates.example:443", shared: "read: only"}
  bank: {production: "api.bank.example:443", stub: catalog}
  cards: {production: "api.cards.example:443", staging: "api.sandbox.cards.example:443"}
"""
STAGING, PRODUCTION = Ecosystem.STAGING, Ecosystem.PRODUCTION


def world(here: Ecosystem) -> World:
    doors = {
        name: {
            "production": Doors(frontend=10000 + at, backend=12000 + at),
            "staging": Doors(frontend=14000 + at, backend=16000 + at),
        }
        for at, name in enumerate(SERVICES)
    }
    databases = {"production": 13000, "staging": 17000}
    return World(
        ports=Ports(ecosystem=here, gateway=GATEWAY, ranges=(), reserved={}, services=doors, databases=databases)
    )


def caller(*calls: str) -> Wire:
    return Wire(
        id="w", address="10.64.1.1", backend=None, listens=None, hostname="orders", service="orders", release="r_1",
        source={}, calls=calls,
    )  # fmt: skip


def seen(target: Target, here: Ecosystem = STAGING, mark: str = "r_1", count: int = 1) -> Attributed:
    key = WorkloadKey(ecosystem=here, service=ServiceName("orders"), process="web", release=ReleaseId(mark), secrets=1)
    crossing = Crossing(
        seq=1, at=NOW + timedelta(minutes=3), ecosystem=here, source=key, instance=InstanceId("i"),
        target=target.target, kind=target.kind, answered="403", advice=target.advice, count=count,
    )  # fmt: skip
    return Attributed(crossing=crossing, service=key.service, release=key.release, first=NOW)


def named(name: str, here: Ecosystem = STAGING, **more: object) -> Attributed:
    return seen(world(here).name(caller(), name), here, **more)  # type: ignore[arg-type]


def connected(address: str, port: int, here: Ecosystem = STAGING) -> Attributed:
    return seen(world(here).connection(caller(), address, port), here)


def suggested(found: Iterable[Attributed], file: str = PLAIN, public: tuple[str, ...] = ()) -> Suggestion:
    return suggest(found, definition(file, "twinstage.yaml"), SERVICES, public)


def pasted(file: str, text: str) -> str:
    """Each key in place of the one that stands in the file, or added, as people are told to."""
    keys = set(YAML(typ="safe").load(text))
    kept, skipping = [], False
    for line in file.splitlines():
        if not line.startswith((" ", "#")):
            skipping = line.partition(":")[0] in keys
        kept += [] if skipping else [line]
    return "\n".join(kept) + "\n" + text


@pytest.mark.parametrize("file", [PLAIN, PLAIN + DECLARED], ids=["nothing declared", "much declared"])
def test_what_was_asked_is_let_through_by_the_lines_as_they_are(file: str) -> None:
    found = [
        named("user-data"),
        named("catalog.staging"),
        connected(GATEWAY, 14002),
        connected(GATEWAY, 10003),
        connected(GATEWAY, 17000),
        named("api.stripe.com", count=12),
        named("api.stripe.com", PRODUCTION),
        named("only-in.production.example", PRODUCTION),
        named("8ball.example"),
        seen(Target(kind="outside", target="198.51.100.7:8443 (api.ports.example)", advice="")),
        named("api.ports.example"),
    ]
    text = suggested(found, file).text
    made = definition(pasted(file, text), "twinstage.yaml")
    assert {"user-data", "catalog"} <= set(made.depends_on)
    assert made.databases.keys() == {"orders"}
    places = {(eco, place) for it in made.outside.values() for eco, place in it.hosts.items()}
    assert (PRODUCTION, "api.stripe.com:443") in places
    assert (STAGING, "api.ports.example:8443") in places, "the port is known from the connection"
    assert (STAGING, "api.ports.example:443") not in places
    assert (STAGING, "8ball.example:443") in places
    before = definition(file, "twinstage.yaml")
    assert made.outside.items() >= before.outside.items(), "nothing that was declared is lost or changed"
    assert set(made.depends_on) >= set(before.depends_on)
    if before.databases:
        assert made.databases == before.databases
    guessed = [it.hosts[STAGING] for it in made.outside.values() if bare(it.hosts[PRODUCTION]) == "api.stripe.com"]
    assert guessed == ["api.stripe.com.invalid:443"], "nobody but a person says that staging may call production's host"


def test_each_line_says_who_asked_where_and_how_often() -> None:
    text = suggested([named("api.stripe.com", count=12), named("api.stripe.com", PRODUCTION, mark="r_2")]).text
    assert (
        "# asked by r_2 in production 1 time, first 2026-01-05 12:00:00, last 2026-01-05 12:03:00 UTC; r_1 in staging 12"
        in text
    )
    assert "443 is a guess" in text


def test_the_other_ecosystems_service_becomes_the_own_ones_url() -> None:
    (line,) = suggested([named("payments.production"), connected(GATEWAY, 12001)]).lines
    assert (line.key, line.name, line.note) == (
        "depends_on",
        "payments",
        "call it at PAYMENTS_URL, in either ecosystem",
    )
    assert sum(it.count for it in line.asked) == 2


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (connected("198.51.100.7", 443), "bare address"),
        (seen(Target(kind="outside", target="udp 8.8.8.8:443", advice="")), "datagrams go nowhere"),
        (seen(Target(kind="outside", target="many other places", advice="")), "told apart"),
        (seen(Target(kind="other-ecosystem", target="many other places in the other ecosystem", advice="")), "told apart"),
        (connected(GATEWAY, 14000), "calls itself at HOST:PORT"),
        (connected(GATEWAY, 9901), "call a service by the URL"),
        (named("payments"), "use PAYMENTS_URL"),
        (connected(GATEWAY, 17000), "use ORDERS_DATABASE_URL"),
        (named("shop.example"), "public names"),
        (named("pay.shop.example"), "public names"),
        (named("printer"), "no name of a host"),
        (named("a_b.example"), "no name of a host"),
        (named("api.cards.example"), "production's host of cards: in staging call api.sandbox.cards.example:443"),
        (named("api.bank.example"), "declared as bank"),
        (named("production"), "nothing of production is reachable"),
        (seen(Target(kind="other-ecosystem", target="production www.shop.example", advice="nothing of production is reachable")),
         "nothing of production is reachable"),
    ],
)  # fmt: skip
def test_what_cannot_be_declared_says_why(found: Attributed, why: str) -> None:
    made = suggested([found], PLAIN + DECLARED, public=("shop.example",))
    assert (made.lines, made.text) == ((), "")
    (rest,) = made.rest
    assert rest.target == found.crossing.target
    assert why in rest.why
    assert rest.asked[0].first == NOW


def test_no_more_names_than_a_service_may_have() -> None:
    made = suggested([named(f"h{number}.example") for number in range(60)])
    assert len(definition(pasted(PLAIN, made.text), "twinstage.yaml").outside) == 50
    assert [rest.why for rest in made.rest] == ["a service has at most 50 names beyond the company"] * 10


@pytest.fixture
def tried(company: Company) -> Company:
    """``orders`` runs, and has asked for a name and called an address."""
    orders = release("orders", "1")
    company.live(orders)
    for number, it in enumerate((named("api.stripe.com"), connected("198.51.100.7", 443)), start=1):
        crossing = replace(it.crossing, at=START, seq=number, source=workload(STAGING, orders))
        company.write(crossings=(replace(it, crossing=crossing, release=orders.id),))
    return company


def test_the_lines_go_to_a_file_and_the_rest_to_people(shell: Shell, tried: Company, tmp_path: Path) -> None:
    said = shell("boundary", "suggest", "orders")
    assert said.status == 0
    file = tmp_path / "twinstage.yaml"
    file.write_text(PLAIN + said.out)
    assert shell("check", str(file)).status == 0
    assert "198.51.100.7:443" in said.err
    assert "bare address" in said.err
    told = json.loads(shell("boundary", "suggest", "orders", "--json").out)
    assert [line["name"] for line in told["lines"]] == ["api-stripe-com"]
    assert told["text"] == said.out


def test_nothing_recorded_is_said_and_so_is_what_is_wrong(shell: Shell, tried: Company) -> None:
    tried.live(release("catalog", "c"))
    said = shell("boundary", "suggest", "catalog")
    assert (said.status, said.out.strip()) == (
        0,
        "nothing was recorded of catalog: it tried nothing that it does not declare",
    )
    unknown = shell("boundary", "suggest", "order")
    assert unknown.status != 0
    assert "cannot find service order" in unknown.err
    assert "did you mean orders?" in unknown.err
    unbuilt = shell("boundary", "suggest", "payments")
    assert "no release of it was built yet" in unbuilt.err
    for words in (("suggest",), ("prove", "orders")):
        assert shell("boundary", *words).status == 2
