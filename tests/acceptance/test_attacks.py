"""Hostile releases, shipped by the command line to a company that is up: each is stopped, attributed and told why.

One story, told in order: each test starts from the company that the one before left.
"""

import json
from collections.abc import Iterator
from io import StringIO

import pytest
from acceptance_person import Person
from acceptance_traces import processes, until
from attack_company import FAMILIES, HONEST, AttackedCompany
from rich.console import Console

from twinstage import wire
from twinstage.cli.screen import THEME
from twinstage.cli.why import explain

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def attacked(somebody: Person) -> Iterator[AttackedCompany]:
    """Up, with its honest services in production."""
    company = AttackedCompany(somebody, somebody.root / "company")
    for service in HONEST:
        company.commit(service, "one", calls="back" if service == "steady" else "")
    company.done("up")
    for service in HONEST:
        company.done("submit", service, "--no-wait")
    for service in HONEST:
        company.comes_to(service, "live")
    yield company
    company.twinstage("down")


@pytest.fixture(scope="module")
def attack(attacked: AttackedCompany) -> dict[str, tuple[wire.Journey, str]]:
    """Every family's release has been shipped, all at once, and has ended: its journey, and what `why` says."""
    for family, it in FAMILIES.items():
        attacked.commit(family, "harmless", **{"verify" if it.verified else "staging": attacked.aimed(it.strikes)})
    shipped = attacked.twinstage("submit", "--all")
    assert shipped.returncode == 1, shipped.stdout
    with attacked.client() as client:
        journeys = {family: client.why(client.rollouts(service=family)[0].id) for family in FAMILIES}
    return {family: (journey, printed(journey)) for family, journey in journeys.items()}


def printed(journey: wire.Journey) -> str:
    """What `why` prints of it."""
    console = Console(file=StringIO(), width=160, theme=THEME)
    with console.capture() as captured:
        console.print(explain(journey))
    return captured.get()


@pytest.mark.parametrize("family", FAMILIES)
def test_an_attack_is_stopped_attributed_and_told(
    attacked: AttackedCompany, attack: dict[str, tuple[wire.Journey, str]], family: str
) -> None:
    it, (journey, said) = FAMILIES[family], attack[family]
    target = attacked.aimed(it.target)
    if family == "machine" and target.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    assert (journey.rollout.state, journey.rollout.phase.value) == ("failed", "staging")
    assert journey.rollout.reason.code == "CROSSED"
    assert target in journey.rollout.reason.sentence
    (crossing,) = [c for c in journey.crossings if c.target.startswith(target)]
    assert (crossing.ecosystem, crossing.kind, crossing.answered) == ("staging", it.kind, it.answered)
    assert it.advice in crossing.advice
    assert (journey.rollout.id if it.verified else str(journey.rollout.release)) in crossing.source
    words = " ".join(said.split())
    assert target in words
    assert it.advice in words


def test_production_never_heard_of_it(attacked: AttackedCompany, attack: dict[str, tuple[wire.Journey, str]]) -> None:
    assert attacked.ask("back", "/seen") == "0"
    assert attacked.ask("back", "/seen", "staging") == "0"
    with attacked.client() as client:
        rows = {row.name: row for row in client.status().services}
    assert all(rows[family].baseline is None for family in FAMILIES)
    assert all(rows[service].baseline is not None for service in HONEST)


def test_what_production_calls_in_staging_is_told_and_taken_from_nobody(attacked: AttackedCompany) -> None:
    """`front` is in production already: its staging twin is well, and it is asked to do it in production alone."""
    where = f"call 127.0.0.1:{attacked.port('back', 'staging')}"
    with attacked.unharmed("front", "one"):
        word, answer = attacked.struck("front", where)
        assert word == "one"
        problem = problem_in(answer)
        assert (problem["kind"], problem["target"]) == ("other-ecosystem", "staging back")
        (entry,) = until(lambda: attacked.journalled("reach staging back"), 60, "the journal to tell of it")
    assert entry.service == "front"
    assert "(production runs this release)" in entry.why
    assert attacked.ask("back", "/seen", "staging") == "0"
    with attacked.client() as client:
        row = next(row for row in client.status().services if row.name == "front")
    assert row.baseline is not None
    assert row.crossings.last is not None
    assert row.crossings.last.target == "staging back"
    assert entry.release == row.baseline.release
    for verb in (("boundary",), ("why", "front")):
        assert "staging back" in " ".join(attacked.done(*verb).split())


@pytest.mark.parametrize("phase", ["canary", "production"])
def test_one_that_calls_staging_from_production_alone_retreats(attacked: AttackedCompany, phase: str) -> None:
    """It behaves until it is there: by its canary, or in an emergency that leaves staging and the canary out."""
    attacked.commit("front", phase, production=attacked.aimed("call 127.0.0.1:{staging}"))
    skipped = ["--skip", "staging", "--skip", "canary", "--why", "a fire"] if phase == "production" else []
    with attacked.unharmed("front", "one", phase):
        failed = attacked.twinstage("submit", "front", *skipped)
    assert failed.returncode == 1, failed.stdout
    ended = attacked.rollout("front")
    assert (ended.state, ended.phase.value, ended.reason.code) == ("failed", phase, "CROSSED")
    assert "staging back" in ended.reason.sentence
    assert attacked.ask("back", "/seen", "staging") == "0"
    attacked.answers("front", "one")


def problem_in(answer: str) -> dict[str, str]:
    """The problem document of a 403."""
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 403 Forbidden"), answer
    assert "application/problem+json" in head.lower()
    found: dict[str, str] = json.loads(body)
    return found


@pytest.mark.parametrize("ecosystem", ["production", "staging"])
def test_an_undeclared_neighbour_is_refused_with_the_line_to_add(attacked: AttackedCompany, ecosystem: str) -> None:
    where = f"call 127.0.0.1:{attacked.port('back', ecosystem)}"
    problem = problem_in(attacked.struck("front", where, ecosystem)[1])
    assert (problem["kind"], problem["target"]) == ("undeclared", "back")
    assert problem["advice"] == "add `back` to depends_on in twinstage.yaml, then use BACK_URL"
    assert attacked.ask("back", "/seen", ecosystem) == "0"


def test_the_line_is_added_and_it_works_for_that_release_alone(attacked: AttackedCompany) -> None:
    """Old and new run side by side in the canary: each has what it declares. No proxy is started anew, no connection is cut."""
    where = f"call 127.0.0.1:{attacked.port('back')}"
    proxies = {p.pid for p in processes(attacked.root, "/opt/envoy")}
    held = {ecosystem: attacked.ask("steady", "/held", ecosystem) for ecosystem in ("production", "staging")}
    attacked.commit("front", "three", calls="back")
    met: dict[str, set[bool]] = {"one": set(), "three": set()}
    with attacked.unharmed("front", "one", "three"):
        attacked.done("submit", "front", "--no-wait")
        attacked.comes_to("front", "canary")

        def both() -> bool:
            word, answer = attacked.struck("front", where)
            met[word].add(answer.startswith("HTTP/1.1 200"))
            return all(met.values())

        until(both, 30, "the old release and the new one to be asked")
        attacked.comes_to("front", "live")
    assert met == {"one": {False}, "three": {True}}
    assert attacked.struck("front", where)[1].startswith("HTTP/1.1 200")
    assert {p.pid for p in processes(attacked.root, "/opt/envoy")} == proxies
    assert {e: attacked.ask("steady", "/held", e) for e in held} == held, "a connection was cut"
