"""``outside``: which hosts a definition may name, for which ecosystem, and what is said of the others."""

import pytest

from twinstage.config.definition import definition
from twinstage.config.problems import Problem, Problems
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.release import Outside

KNOWN = [ServiceName("orders"), ServiceName("bank")]
STRIPE = 'production: "api.stripe.com:443", staging: "api.sandbox.stripe.com:443"'


def read(entries: str) -> dict[str, Outside]:
    text = f"service: orders\nrun: serve\ninstances: {{production: 1, staging: 1}}\noutside:\n{entries}\n"
    return dict(definition(text, known=KNOWN, public=["shop.example"]).outside)


def refused(entries: str) -> tuple[Problem, ...]:
    with pytest.raises(Problems) as found:
        read(entries)
    return found.value.problems


def test_a_host_for_each_ecosystem() -> None:
    made = read(f"  stripe: {{{STRIPE.replace('api.stripe', 'API.Stripe')}}}")["stripe"]
    hosts = {Ecosystem.PRODUCTION: "api.stripe.com:443", Ecosystem.STAGING: "api.sandbox.stripe.com:443"}
    assert made == Outside(hosts=hosts)


def test_a_shared_host_says_why() -> None:
    same = 'production: "maps.example:443", staging: "maps.example:443"'
    (problem,) = refused(f"  maps: {{{same}}}")
    assert (problem.path, "production's host too" in problem.message) == ("outside.maps.staging", True)
    assert "shared:" in problem.right
    assert read(f'  maps: {{{same}, shared: "read-only,\\n no account"}}')["maps"].shared == "read-only, no account"


def test_another_port_of_the_same_host_is_the_same_host() -> None:
    (problem,) = refused('  maps: {production: "maps.example:443", staging: "MAPS.example:8443"}')
    assert "production's host too" in problem.message


def test_a_stub_answers_for_productions_host() -> None:
    made = read('  bank: {production: "bank.example:443", stub: bank}')["bank"]
    assert made.stub == "bank"
    assert made.hosts[Ecosystem.STAGING] == made.hosts[Ecosystem.PRODUCTION] == "bank.example:443"


@pytest.mark.parametrize(
    ("entries", "path", "says"),
    [
        ('  a: {production: "a.example:443"}', "outside.a", "has no staging"),
        ('  a: {staging: "a.example:443"}', "outside.a", "has no production"),
        ('  a: {production: "a.example:443", stub: bnak}', "outside.a.stub", "no service bnak in this company"),
        ('  a: {production: "a.example:443", stub: orders}', "outside.a.stub", "itself"),
        ('  a: {production: "a.example:443", staging: "b.example:1", stub: bank}', "outside.a.staging", "beside stub"),
        (f'  a: {{{STRIPE}, shared: "why"}}', "outside.a.shared", "do not share a host"),
        ('  a: {production: "shop.example:443", staging: "b.example:1"}', "outside.a.production", "public names"),
        ('  a: {production: "a.example:1", staging: "www.shop.example:443"}', "outside.a.staging", "public names"),
        (
            '  a: {production: "localhost:10000", staging: "b.example:1"}',
            "outside.a.production",
            "every instance's own",
        ),
        ('  a: {production: "a.example:1", staging: "x.localhost:1"}', "outside.a.staging", "every instance's own"),
        ('  a: {production: "0x7f.0x1:443", staging: "b.example:1"}', "outside.a.production", "is an address"),
        ('  a: {production: "b.0X7F000001:443", staging: "b.example:1"}', "outside.a.production", "is an address"),
        ('  a: {production: "127.0.0.1:10000", staging: "b.example:1"}', "outside.a.production", "is an address"),
        ('  a: {production: "a.example", staging: "b.example:1"}', "outside.a.production", ""),
        ('  a: {production: "a..b:1", staging: "b.example:1"}', "outside.a.production", ""),
    ],
)
def test_what_is_refused(entries: str, path: str, says: str) -> None:
    (problem,) = refused(entries)
    assert problem.path == path
    assert says in problem.message


def test_no_name_brings_productions_host_of_another_into_staging() -> None:
    swapped = 'production: "api.sandbox.stripe.com:443", staging: "api.stripe.com:443"'
    problems = refused(f"  stripe: {{{STRIPE}}}\n  again: {{{swapped}}}")
    assert {problem.path for problem in problems} == {"outside.stripe", "outside.again"}
    assert "production's host of stripe" in problems[-1].message


def test_a_host_and_port_has_one_name() -> None:
    problems = refused(f"  stripe: {{{STRIPE}}}\n  again: {{{STRIPE}}}")
    assert all("is what stripe is in" in it.message or "production's host" in it.message for it in problems)


def test_at_most_fifty() -> None:
    entries = [f'  n{n}: {{production: "p{n}.example:1", staging: "s{n}.example:1"}}' for n in range(51)]
    assert len(read("\n".join(entries[:50]))) == 50
    (problem,) = refused("\n".join(entries))
    assert "at most 50" in problem.right
