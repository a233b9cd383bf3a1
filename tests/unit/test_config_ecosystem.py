"""ecosystem.yaml, and the same as JSON."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from twinstage.config.ecosystem import ecosystem
from twinstage.config.problems import Problems
from twinstage.config.wire import EcosystemBody, decode, encode
from twinstage.model.bounds import Bounds
from twinstage.model.policy import Policy, ServiceEntry

FULL = """\
ecosystem: shop
services:
  orders: {repository: ../orders, branch: release/2, path: services/orders}
  payments: {repository: /srv/payments}
standard:
  gates: [lint, unit, house-style]
  reviewers: ["*@shop.example"]
  undeclared: record
  verification_valid: 12h
  canary: {shares: [1, 10], bake: 20s, longest: 10m, unproven: hold}
  production: {shares: [50, 75, 100], bake: 0s}
  limits: {build: 20m, migrate: 30m, verify: 1h30m, lanes: 3, memory: 512M, processes: 100, tmp: 64M}
runtime: local
postgres: /usr/lib/postgresql/17/bin
"""
MINIMAL = "ecosystem: shop\nservices: {orders: {repository: ../orders}}\n"
ROOT = Path("/work/platform")


def test_a_full_file() -> None:
    read = ecosystem(FULL, "ecosystem.yaml", ROOT)
    policy = read.policy

    assert read.services == (
        ServiceEntry(
            service=read.services[0].service, repository="/work/orders", branch="release/2", path="services/orders"
        ),
        ServiceEntry(service=read.services[1].service, repository="/srv/payments"),
    )
    assert (policy.gates, policy.undeclared, policy.unproven) == (("lint", "unit", "house-style"), "record", "hold")
    assert (policy.canary_shares, policy.production_shares) == ((1, 10), (50, 75, 100))
    assert (policy.bake, policy.longest_canary) == (timedelta(seconds=20), timedelta(minutes=10))
    assert (policy.settle, policy.max_lanes) == (timedelta(0), 3)
    assert policy.limits == {
        **Policy().limits,
        "build": timedelta(minutes=20),
        "migrate": timedelta(minutes=30),
        "verify": timedelta(minutes=90),
    }
    assert policy.bounds == Bounds(memory=512 << 20, processes=100, tmp=64 << 20), "the others keep their defaults"
    assert read.postgres == "/usr/lib/postgresql/17/bin"


def test_what_is_left_out_keeps_its_default() -> None:
    assert ecosystem(MINIMAL, "e", ROOT).policy == Policy()


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        (("ecosystem: shop", "ecosystem: My Shop"), "ecosystem", "cannot be used"),
        (("memory: 512M", "memory: 512"), "standard.limits.memory", 'a size such as "64M"'),
        (("memory: 512M", "memory: 8M"), "standard.limits.memory", "from 32M to"),
        (("processes: 100", "processes: 1"), "standard.limits.processes", "from 8 to"),
        (("tmp: 64M", "temp: 64M"), "standard.limits.temp", "did you mean tmp?"),
        (("runtime: local", "runtime: kubernetes"), "runtime", "not yet"),
        (("runtime: local", "runtime: loca"), "runtime", "did you mean local?"),
        (("postgres: /usr", "postgres: usr"), "postgres", "write the absolute path"),
        (("postgresql/17", "postgresql/../17"), "postgres", "write the absolute path"),
        (("runtime: local", "runtme: local"), "runtme", "did you mean runtime?"),
        (("../orders", "https://git.example/orders"), "services.orders.repository", "not yet"),
        (("../orders", "git@git.example:orders"), "services.orders.repository", "not yet"),
        (("release/2", "'a b'"), "services.orders.branch", "a branch's name"),
        (("release/2", "--all"), "services.orders.branch", "a branch's name"),
        (("release/2", "a..b"), "services.orders.branch", "a branch's name"),
        (("services/orders", "../x"), "services.orders.path", "within the repository"),
        (("services/orders", "/x"), "services.orders.path", "within the repository"),
        (("  payments:", "  Payments:"), "services.Payments", "cannot be a name"),
        (("  payments:", "  twinstage:"), "services.twinstage", "of Twinstage's own"),
        (("  payments:", "  orders:"), "services.orders", "stands twice"),
        (("repository: /srv", "repo: /srv"), "services.payments.repo", "unknown key"),
        (("house-style", "lint"), "standard.gates[2]", "stands twice"),
        (('["*@shop.example"]', "[]"), "standard.reviewers", "nobody could review"),
        (("record", "warn"), "standard.undeclared", "fail or record"),
        (("12h", "12"), "standard.verification_valid", "not a duration"),
        (("[1, 10]", "[1, 26]"), "standard.canary.shares[1]", "from 1 to 25"),
        (("[1, 10]", "[10, 10]"), "standard.canary.shares[1]", "does not rise"),
        (("[1, 10]", "[]"), "standard.canary.shares", "is empty"),
        (("[1, 10]", "5"), "standard.canary.shares", "is a number"),
        (("bake: 20s", "bake: 20m"), "standard.canary.longest", "shorter than its bake"),
        (("hold", "never"), "standard.canary.unproven", "promote or hold"),
        (("75, 100", "75"), "standard.production.shares", "the last share is 100"),
        (("build: 20m", "biuld: 20m"), "standard.limits.biuld", "did you mean build?"),
        (("build: 20m", "build: 0s"), "standard.limits.build", "from 1s"),
        (("lanes: 3", "lanes: 0"), "standard.limits.lanes", "from 1 to 100"),
        (("lanes: 3", "canary: 2h"), "standard.limits.canary", "write canary: {longest: 1h}"),
    ],
)
def test_one_problem(change: tuple[str, str], path: str, says: str) -> None:
    assert change[0] in FULL
    with pytest.raises(Problems) as caught:
        ecosystem(FULL.replace(*change, 1), "ecosystem.yaml", ROOT)
    found = {problem.path: f"{problem.message}; {problem.right}" for problem in caught.value.problems}
    assert path in found
    assert says in found[path]
    line = next(p.line for p in caught.value.problems if p.path == path)
    assert change[1].split("\n")[0] in FULL.replace(*change, 1).splitlines()[line - 1]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("services:\n", ["ecosystem", "services"]),
        ("ecosystem: a\n", ["services"]),
        ("ecosystem: a\nservices: {}\n", ["services"]),
        ("ecosystem: a\nservices: {a: ../a}\n", ["services.a"]),
        ("ecosystem: a\nservices: {a: {}}\n", ["services.a"]),
        ("ecosystem: a\nservices: {a: {repository: x}, b: {repository: x}}\n", ["services.b"]),
        (MINIMAL + "standard: strict\n", ["standard"]),
    ],
)
def test_what_is_missing_or_of_the_wrong_shape(text: str, paths: list[str]) -> None:
    with pytest.raises(Problems) as caught:
        ecosystem(text, "e", ROOT)
    assert [problem.path for problem in caught.value.problems] == paths


def test_a_bake_of_nothing_is_not_the_default() -> None:
    text = MINIMAL + "standard: {canary: {bake: 0s, longest: 1m}}\n"
    assert ecosystem(text, "e", ROOT).policy.bake == timedelta(0)


def test_json_and_back() -> None:
    file = ecosystem(FULL, "ecosystem.yaml", ROOT)

    assert decode(encode(file)) == file
    assert decode(json.dumps(encode(file))) == file
    assert decode(EcosystemBody.model_validate(encode(file)).model_dump()) == file


def change(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body["policy"].update(values)


@pytest.mark.parametrize(
    ("spoil", "path"),
    [
        (lambda body: body.update(nmae="x"), "nmae"),
        (lambda body: body.update(name="X"), "name"),
        (lambda body: body.update(services=[]), "services"),
        (lambda body: body["services"].append(body["services"][0]), "services"),
        (lambda body: body["services"][0].update(repository="relative"), "services.0.repository"),
        (lambda body: body["services"][0].update(path="a/../b"), "services.0.path"),
        (change(canary_shares=[5, 30]), "policy.canary_shares.1"),
        (change(canary_shares=[5, 5]), "policy.canary_shares"),
        (change(production_shares=[50]), "policy.production_shares"),
        (change(undeclared="ignore"), "policy.undeclared"),
        (change(bounds={"memory": 1}), "policy.bounds.memory"),
        (change(bake="20s"), "policy.bake"),
        (change(bake=-1), "policy.bake"),
        (change(bake=601), "policy.longest_canary"),
        (change(limits={}), "policy.limits.build"),
        (lambda body: body["policy"]["limits"].update(biuld=1), "policy.limits.biuld"),
    ],
)
def test_json_keeps_the_same_rules(spoil: Callable[[dict[str, Any]], None], path: str) -> None:
    body = encode(ecosystem(FULL, "ecosystem.yaml", ROOT))
    spoil(body)
    with pytest.raises(Problems) as caught:
        decode(body)
    assert path in [problem.path for problem in caught.value.problems]


def test_json_that_is_none() -> None:
    with pytest.raises(Problems):
        decode("{")


def test_every_field_of_the_policy_travels() -> None:
    file = ecosystem(FULL, "e", ROOT)
    assert set(encode(file)["policy"]) == set(vars(Policy()))
    assert decode(encode(replace(file, policy=Policy()))).policy == Policy()
