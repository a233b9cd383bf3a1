"""What the API takes: orders become intents, commits go into the mirror, and mistakes are told all at once."""

import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from face_company import START, Api, Company, reason, rollout

from twinstage.api.limits import BodyLimit
from twinstage.api.routes import ROUTES
from twinstage.config.wire import encode
from twinstage.forge.repository import Repository
from twinstage.model.encoding import loads
from twinstage.model.names import ServiceName
from twinstage.model.policy import EcosystemFile
from twinstage.model.rollout import IntentVerb, State

GOOD = """service: orders
run: serve
instances: {production: 2, staging: 1}
gates: {lint: "true", unit: "true", integration: "true"}
"""
ORDER = {"by": "ada@build7", "why": "it leaks"}


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = Company(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def api(company: Company) -> Api:
    return Api(company.app())


def commit(where: Path, text: str) -> str:
    """A repository with that twinstage.yaml, and its commit's id."""
    where.mkdir(exist_ok=True)
    (where / "twinstage.yaml").write_text(text)
    name = ("-c", "user.name=ada", "-c", "user.email=ada@shop.example")
    for args in (("init", "-q", "-b", "main"), ("add", "."), (*name, "commit", "-q", "-m", "A service")):
        subprocess.run(["git", "-C", str(where), *args], check=True)
    return Repository(where).resolve()


def bring(api: Api, where: Path, text: str) -> str:
    sha = commit(where, text)
    answer = api.put(f"/v1/services/orders/commits/{sha}", content=Repository(where).pack(sha))
    assert answer.status_code == 200, answer.text
    assert answer.json()["subject"] == "A service"
    assert (answer.json()["mistakes"] == []) is (text == GOOD)
    return sha


def test_a_commit_is_brought_and_submitted(company: Company, api: Api, tmp_path: Path) -> None:
    sha = bring(api, tmp_path / "orders", GOOD)
    assert api.get("/v1/services/orders/commits").json() == {"commits": [sha]}
    answer = api.post("/v1/services/orders/rollouts", json={"commit": sha, "by": "ada@build7"})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/intents/{answer.json()['id']}"
    assert company.woken.is_set()
    (intent,) = company.store.intents()
    assert (intent.verb, intent.args, intent.by) == (
        IntentVerb.SUBMIT,
        {"service": "orders", "commit": sha},
        "ada@build7",
    )


def test_every_mistake_of_a_definition_is_told_before_anything_is_built(
    company: Company, api: Api, tmp_path: Path
) -> None:
    sha = bring(
        api, tmp_path / "orders", "service: order\nrun: serve\ninstances: {production: 2}\ndepend_on: [payment]\n"
    )
    answer = api.post("/v1/services/orders/rollouts", json={"commit": sha, "by": "ada"})
    assert answer.status_code == 422
    texts = [m["text"] for m in answer.json()["mistakes"]]
    assert api.put(f"/v1/services/orders/commits/{sha}").json()["mistakes"] == texts, "told when it is brought, too"
    assert len(texts) >= 3
    assert all(text.startswith("twinstage.yaml:") for text in texts)
    assert company.store.intents() == []


def test_a_commit_that_was_never_brought_is_refused(api: Api) -> None:
    answer = api.post("/v1/services/orders/rollouts", json={"commit": "a" * 40, "by": "ada"})
    assert answer.status_code == 409
    assert f"/commits/{'a' * 40}" in answer.json()["hint"]


def test_a_broken_pack_is_refused_in_words(api: Api) -> None:
    answer = api.put(f"/v1/services/orders/commits/{'a' * 40}", content=b"not a pack")
    assert answer.status_code == 422
    assert answer.json()["title"] == "cannot receive commit aaaaaaa of orders"


def test_a_body_is_read_no_further_than_its_limit(company: Company) -> None:
    api = Api(BodyLimit(company.app(), document=100, pack=1000))
    sha = "a" * 40

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    assert api.put(f"/v1/services/orders/commits/{sha}", content=b"x" * 1001).status_code == 413
    assert api.put(f"/v1/services/orders/commits/{sha}", content=endless()).status_code == 413
    assert api.post("/v1/services/orders/rollback", json={"by": "a", "why": "b" * 200}).status_code == 413


@pytest.mark.parametrize(
    ("path", "verb", "args"),
    [
        ("/v1/services/orders/rollback", IntentVerb.ROLLBACK, {"service": "orders"}),
        ("/v1/services/orders/resume", IntentVerb.RESUME, {"service": "orders"}),
        ("/v1/services/orders/freeze", IntentVerb.FREEZE, {"service": "orders", "until": ""}),
        ("/v1/services/orders/unfreeze", IntentVerb.UNFREEZE, {"service": "orders"}),
        ("/v1/freeze", IntentVerb.FREEZE, {"service": "", "until": ""}),
        ("/v1/unfreeze", IntentVerb.UNFREEZE, {}),
        ("/v1/services/orders/remove", IntentVerb.REMOVE, {"service": "orders"}),
        ("/v1/prune", IntentVerb.PRUNE, {}),
        ("/v1/rollouts/ro_5d/abort", IntentVerb.ABORT, {"rollout": "ro_5d1"}),
    ],
)
def test_an_order_becomes_an_intent(
    company: Company, api: Api, path: str, verb: IntentVerb, args: dict[str, str]
) -> None:
    company.write(rollouts=((None, rollout("ro_5d1", "orders", State.GATING, reason("GATES_RUNNING", gates="unit"))),))
    answer = api.post(path, json=ORDER)
    assert answer.status_code == 202
    (intent,) = company.store.intents()
    assert (intent.verb, intent.args, intent.why, intent.at) == (verb, args, "it leaks", START)


def test_the_same_key_twice_is_one_intent(company: Company, api: Api) -> None:
    key = {"Idempotency-Key": "0123456789abcdef"}
    first = api.post("/v1/services/orders/resume", json=ORDER, headers=key)
    again = api.post("/v1/services/orders/resume", json=ORDER, headers=key)
    assert first.json() == again.json()
    assert len(company.store.intents()) == 1
    assert api.post("/v1/services/catalog/resume", json=ORDER, headers=key).status_code == 409


def test_a_skip_names_its_phases(company: Company, api: Api) -> None:
    gating = rollout("ro_5d1", "orders", State.GATING, reason("GATES_RUNNING", gates="unit"))
    over = rollout("ro_aa1", "orders", State.LIVE, reason("LIVE"))
    company.write(rollouts=((None, gating), (None, over)))
    answer = api.post("/v1/rollouts/ro_5d/skip", json=ORDER | {"phases": ["staging", "canary"]})
    assert answer.status_code == 202
    (intent,) = company.store.intents()
    assert (intent.verb, intent.args) == (IntentVerb.SKIP, {"rollout": "ro_5d1", "phases": "staging canary"})
    for phases in ([], ["qa"], "staging"):
        assert api.post("/v1/rollouts/ro_5d1/skip", json=ORDER | {"phases": phases}).status_code == 422
    refused = api.post("/v1/rollouts/ro_aa1/skip", json=ORDER | {"phases": ["staging"]})
    assert (refused.status_code, "production runs it" in refused.json()["detail"]) == (409, True)


def test_a_freeze_ends_at_a_moment_that_everybody_understands(company: Company, api: Api) -> None:
    until = "2026-03-01T18:00:00+01:00"
    assert api.post("/v1/freeze", json=ORDER | {"until": until}).status_code == 202
    (intent,) = company.store.intents()
    assert intent.args["until"] == until
    assert api.post("/v1/freeze", json=ORDER | {"until": "2026-03-01T18:00:00"}).status_code == 422
    assert api.post("/v1/services/order/freeze", json=ORDER).status_code == 404


def test_a_rollout_that_is_over_cannot_be_aborted(company: Company, api: Api) -> None:
    company.write(rollouts=((None, rollout("ro_5d1", "orders", State.LIVE, reason("LIVE"))),))
    answer = api.post("/v1/rollouts/ro_5d1/abort", json=ORDER)
    assert answer.status_code == 409
    assert "production runs it" in answer.json()["detail"]


def test_a_file_is_brought_into_force(company: Company, api: Api) -> None:
    answer = api.put("/v1/ecosystem", params={"by": "ada@build7"}, json=encode(company.file))
    assert answer.status_code == 202
    (intent,) = company.store.intents()
    assert loads(EcosystemFile, intent.args["file"]) == company.file


def test_a_file_of_another_company_or_with_mistakes_is_refused(company: Company, api: Api) -> None:
    other = encode(company.file) | {"name": "bank"}
    assert api.put("/v1/ecosystem", params={"by": "ada"}, json=other).status_code == 409
    twice = encode(company.file)
    twice["services"] = [*twice["services"], twice["services"][0]]
    answer = api.put("/v1/ecosystem", params={"by": "ada"}, json=twice)
    assert answer.status_code == 422
    assert "stands twice" in answer.json()["mistakes"][0]["text"]


def test_waiting_for_an_answer_ends_with_it(company: Company, api: Api) -> None:
    asked = api.post("/v1/services/orders/resume", json=ORDER).json()
    assert asked["answered"] is None
    tick = threading.Timer(0.05, lambda: company.answer(True, "orders moves on again"))
    tick.start()
    found = api.get(f"/v1/intents/{asked['id']}", params={"wait": 10}).json()
    tick.join()
    assert (found["accepted"], found["answer"]) == (True, "orders moves on again")
    assert api.get("/v1/intents/i_nothing").status_code == 404


def test_a_misspelt_field_is_an_error_not_a_surprise(api: Api) -> None:
    answer = api.post("/v1/services/orders/rollback", json={"by": "ada", "wy": "x"})
    assert answer.status_code == 422
    assert any("wy" in m["text"] for m in answer.json()["mistakes"])


def test_a_removed_service_takes_nothing(company: Company, api: Api) -> None:
    assert ServiceName("billing") not in company.store.services()
    assert api.post("/v1/services/billing/rollback", json=ORDER).status_code == 404


def test_every_route_is_described(api: Api) -> None:
    described = api.get("/v1/openapi.json").json()["paths"]
    assert sum(len(methods) for methods in described.values()) == len(ROUTES)
    for path, methods in described.items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert set(operation["responses"]) >= {"422", "503"}, (method, path)
            assert {"200", "202"} & set(operation["responses"]), (method, path)
            for parameter in operation.get("parameters", []):
                schema = str(parameter["schema"])
                bounded = any(word in schema for word in ("maxLength", "maximum", "pattern", "boolean", "$ref"))
                assert bounded, (path, parameter["name"])
