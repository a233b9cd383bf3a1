"""Whatever of the company is called, by whatever port or name: the sentinel says which service was meant and what to write."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.config import rules
from twinstage.inside.targets import BEYOND, OTHER_ECOSYSTEM, OUTSIDE, OWN, UNDECLARED, World
from twinstage.inside.wires import GATEWAY, Doors, Ports, Wire
from twinstage.model.names import Ecosystem
from twinstage.runtime.local.postgres.names import PORTS as DATABASES
from twinstage.store.services import BACKENDS, FRONTENDS

ECOSYSTEMS = tuple(Ecosystem)
SPOKEN = {"production", "staging", "internal", "local", "svc", "cluster", "default", "shop", "example", "www"}
SPOKEN |= {"vendor", "com"}
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,6}){0,3}", fullmatch=True).filter(
    lambda name: name not in rules.RESERVED_SERVICES and not SPOKEN & set(name.split("-"))
)
LOCAL = ("", ".internal", ".local", ".svc.cluster.local", ".default")
FORMS = (
    "{service}.{ecosystem}",
    "{ecosystem}.{service}",
    "{service}-{ecosystem}",
    "{ecosystem}-{service}",
    "{service}.{ecosystem}.shop.example",
    "{service}-{ecosystem}.shop.example",
)


PUBLIC = ((), ("shop.example",), ("www.shop.example", "shop.io"))
"""What a company may say of its own names: nothing, all that is below one, or some of them."""
OTHERS = ("vendor.com", "eu.vendor.com", "our-vendor.xn--p1ai")


def ports(here: Ecosystem, services: Iterable[str], public: tuple[str, ...] = ()) -> Ports:
    """As the store allocates them: each service as far into every range."""
    return Ports(
        ecosystem=here,
        gateway=GATEWAY,
        ranges=(),
        reserved={eco: tuple((first, first + 999) for first in (FRONTENDS[eco], BACKENDS[eco])) for eco in Ecosystem},
        services={
            name: {eco: Doors(frontend=FRONTENDS[eco] + at, backend=BACKENDS[eco] + at) for eco in Ecosystem}
            for at, name in enumerate(services)
        },
        databases={eco: DATABASES[eco] for eco in Ecosystem},
        public=public,
    )


def caller(service: str, *calls: str) -> Wire:
    return Wire(
        id="w", address="10.64.1.1", backend=None, listens=None, hostname=service, service=service, release="r_1",
        source={"workload": {}}, calls=calls,
    )  # fmt: skip


def right(advice: str, wire: Wire, service: str) -> bool:
    variable = rules.variable_for(service)
    if service == wire.service:
        return advice == "call yourself at HOST:PORT"
    return advice == (
        f"use {variable}"
        if service in wire.calls
        else f"add `{service}` to depends_on in twinstage.yaml, then use {variable}"
    )


@pytest.mark.parametrize("here", ECOSYSTEMS)
def test_every_port_that_can_be_allocated_names_its_service(here: Ecosystem) -> None:
    services = [f"s{number}" for number in range(1000)]
    world = World(ports=ports(here, services))
    wire = caller("s7", "s8", "s900")
    for ecosystem in Ecosystem:
        for at, service in enumerate(services):
            for port in (FRONTENDS[ecosystem] + at, BACKENDS[ecosystem] + at):
                found = world.connection(wire, GATEWAY, port)
                across = ecosystem is not here
                assert found.kind == (OTHER_ECOSYSTEM if across else UNDECLARED)
                assert found.target == (f"{ecosystem} {service}" if across else service)
                assert right(found.advice, wire, service)
        found = world.connection(wire, GATEWAY, DATABASES[ecosystem])
        assert (found.kind == OTHER_ECOSYSTEM) is (ecosystem is not here)
        assert "declare it under `databases`" in found.advice


@pytest.mark.parametrize("here", ECOSYSTEMS)
@given(number=st.integers(min_value=5, max_value=999))
def test_a_port_that_is_nobodys_yet_belongs_to_its_ecosystem(here: Ecosystem, number: int) -> None:
    world, wire = World(ports=ports(here, ["a", "b"])), caller("a")
    for other in set(Ecosystem) - {here}:
        for first in (FRONTENDS[other], BACKENDS[other]):
            found = world.connection(wire, GATEWAY, first + number)
            assert (found.kind, found.target) == (OTHER_ECOSYSTEM, f"{other} port {first + number}")


def other_than(here: Ecosystem) -> Ecosystem:
    return next(eco for eco in Ecosystem if eco is not here)


@given(
    services=st.lists(NAMES, min_size=2, max_size=6, unique=True),
    form=st.sampled_from(FORMS),
    here=st.sampled_from(ECOSYSTEMS),
    local=st.sampled_from((*LOCAL, ".acme")),
    public=st.sampled_from(PUBLIC),
)
def test_a_name_of_the_other_ecosystem_names_its_service(
    services: list[str], form: str, here: Ecosystem, local: str, public: tuple[str, ...]
) -> None:
    """Whatever the company said of its names: also below a domain of which it named one alone, or one that nobody has."""
    world, other = World(ports=ports(here, services, public)), other_than(here)
    wire = caller(services[0], services[1])
    for service in services:
        name = form.format(service=service, ecosystem=other) + ("" if "example" in form else local)
        found = world.name(wire, name)
        assert (found.kind, found.target) == (OTHER_ECOSYSTEM, f"{other} {service}"), name
        assert right(found.advice, wire, service)


@given(
    services=st.lists(NAMES, min_size=2, max_size=6, unique=True),
    form=st.sampled_from([form for form in FORMS if "example" not in form]),
    here=st.sampled_from(ECOSYSTEMS),
    vendor=st.sampled_from(OTHERS),
)
def test_a_third_partys_host_is_outside_whatever_words_it_has(
    services: list[str], form: str, here: Ecosystem, vendor: str
) -> None:
    wire = caller(services[0], services[1])
    for ecosystem in Ecosystem:
        for service in services:
            name = f"{form.format(service=service, ecosystem=ecosystem)}.{vendor}"
            for public in PUBLIC[1:]:
                found = World(ports=ports(here, services, public)).name(wire, name)
                assert (found.kind, found.target, found.advice) == (OUTSIDE, f"dns {name}", BEYOND)
            if ecosystem is not here:
                found = World(ports=ports(here, services)).name(wire, name)
                assert found.kind == OTHER_ECOSYSTEM, "whose it is nobody has said"


@given(services=st.lists(NAMES, min_size=2, max_size=6, unique=True), said=NAMES, here=st.sampled_from(ECOSYSTEMS))
def test_below_the_companys_own_endings_the_word_alone_is_enough(
    services: list[str], said: str, here: Ecosystem
) -> None:
    world, other = World(ports=ports(here, services, ("shop.example",))), other_than(here)
    wire = caller(services[0], services[1])
    for name in (f"{other}.shop.example", f"{said}.{other}.shop.example", f"{other}-{said}.shop.example"):
        found = world.name(wire, name)
        assert found.kind == OTHER_ECOSYSTEM, name
        assert found.target.startswith(f"{other} ")


@given(services=st.lists(NAMES, min_size=2, max_size=6, unique=True), said=NAMES)
def test_a_public_name_is_productions_where_it_says_nothing_else(services: list[str], said: str) -> None:
    wire = caller(services[0], services[1])
    staging = World(ports=ports(Ecosystem.STAGING, services, ("shop.example",)))
    production = World(ports=ports(Ecosystem.PRODUCTION, services, ("shop.example",)))
    for name in ("shop.example", "www.shop.example", f"{said}.shop.example", f"{services[0]}.shop.example"):
        assert staging.name(wire, name).kind == OTHER_ECOSYSTEM, name
        assert production.name(wire, name).kind != OTHER_ECOSYSTEM, name
    assert production.name(wire, "www.shop.example").advice == OWN
    for service in services:
        found = staging.name(wire, f"{service}.staging.shop.example")
        assert (found.kind, right(found.advice, wire, service)) == (UNDECLARED, True), "its own ecosystem's"


@given(
    services=st.lists(NAMES, min_size=2, max_size=6, unique=True),
    here=st.sampled_from(ECOSYSTEMS),
    local=st.sampled_from(LOCAL),
)
def test_a_neighbours_name_names_it(services: list[str], here: Ecosystem, local: str) -> None:
    world, wire = World(ports=ports(here, services)), caller(services[0], services[1])
    for service in services:
        for name in (f"{service}{local}", f"{service}.{here}{local}", f"{service}-{here}{local}"):
            found = world.name(wire, name)
            assert (found.kind, found.target) == (UNDECLARED, f"dns {name}")
            assert right(found.advice, wire, service)
