"""Secrets as programs and people meet them: a value goes in over the socket, and nothing ever answers with one."""

import fcntl
import hashlib
import io
import json
import logging
import os
import pty
import subprocess
import sys
import termios
from dataclasses import replace
from datetime import timedelta

import pytest
from face_company import START, Api, Company, release, rollout
from face_company import reason as because
from face_shell import Shell, Ticking

from twinstage.model.names import Ecosystem
from twinstage.model.release import Release
from twinstage.model.rollout import IntentVerb, State
from twinstage.model.secret import LONGEST, Secret
from twinstage.model.seen import Health

PRODUCTION, STAGING = Ecosystem.PRODUCTION, Ecosystem.STAGING
URL = "/v1/services/orders/secrets/production/PAYMENT_KEY"
VALUE = "s3cret ü\n"


def needing(number: str, *names: str) -> Release:
    made = release("orders", number)
    return replace(made, definition=replace(made.definition, secrets=names))


LIVE, NEXT = needing("1", "PAYMENT_KEY"), needing("2", "PAYMENT_KEY", "TOKEN")


@pytest.fixture
def api(company: Company) -> Api:
    return Api(company.app())


def is_set(company: Company, *names: str, number: int = 1, ecosystem: Ecosystem = PRODUCTION) -> None:
    state = company.store.services()[LIVE.service]
    there = {name: Secret(name=name, version=3, at=START - timedelta(hours=2), by="ada@build7") for name in names}
    after = replace(
        state,
        secrets={**state.secrets, ecosystem: there},
        secrets_version={**state.secrets_version, ecosystem: number},
    )
    company.write(services=((state, after),))


def test_a_value_goes_into_the_vault_and_an_intent_without_it_to_the_controller(company: Company, api: Api) -> None:
    answer = api.put(f"{URL}?by=ada", content=VALUE.encode(), headers={"Idempotency-Key": "key-00001"})
    assert answer.status_code == 202, answer.text
    assert "s3cret" not in answer.text
    (intent,) = company.store.intents()
    assert (intent.id, intent.verb, intent.by) == ("key-00001", IntentVerb.SET_SECRET, "ada")
    assert intent.args == {"service": "orders", "ecosystem": "production", "name": "PAYMENT_KEY"}
    assert company.vault[PRODUCTION]._open().offers["key-00001"].value == VALUE, "as it is, its newline too"
    assert not company.vault[STAGING]._open().offers
    assert company.woken.is_set()
    for path in company.store.path.parent.glob("store.db*"):
        assert b"s3cret" not in path.read_bytes()


def test_the_same_key_is_one_value(company: Company, api: Api) -> None:
    key = {"Idempotency-Key": "key-00001"}
    for _ in range(2):
        assert api.put(f"{URL}?by=ada", content=b"one", headers=key).status_code == 202
    assert len(company.store.intents()) == 1
    company.answer(True, "set")
    assert api.put(f"{URL}?by=ada", content=b"one", headers=key).json()["accepted"] is True
    other = {"Idempotency-Key": "key-00002"}
    assert api.put(f"{URL}?by=ada", content=b"one", headers=other).status_code == 202
    refused = api.put(f"{URL}?by=ada", content=b"two", headers={"Idempotency-Key": "key-00002"})
    assert (refused.status_code, "used for another value" in refused.text) == (409, True)
    assert company.vault[PRODUCTION]._open().offers["key-00002"].value == "one"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 422, "no value"),
        (b"s3cret\0", 422, "NUL"),
        (b"s3cret\xff", 422, "UTF-8"),
        (b"s3cret" * 11000, 413, "64 KiB"),
        (b"s" * (LONGEST + 1), 422, "64 KiB"),
    ],
)
def test_a_value_that_cannot_be_is_refused_without_saying_it(
    company: Company, api: Api, caplog: pytest.LogCaptureFixture, body: bytes, status: int, says: str
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = api.put(f"{URL}?by=ada", content=body)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert "s3cret" not in answer.text + caplog.text
    assert not company.store.intents()
    assert not company.vault[PRODUCTION]._open().offers


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/v1/services/order/secrets/production/KEY?by=ada", 404),
        ("/v1/services/orders/secrets/canary/KEY?by=ada", 422),
        ("/v1/services/orders/secrets/production/A-B?by=ada", 422),
        ("/v1/services/orders/secrets/production/KEY", 422),
    ],
)
def test_where_it_cannot_go_it_does_not(company: Company, api: Api, url: str, status: int) -> None:
    answer = api.put(url, content=b"s3cret")
    assert answer.status_code == status
    assert "s3cret" not in answer.text
    assert not company.store.intents()


def test_set_reads_standard_input_and_drops_one_newline(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, kept in ((b"one\n", "one"), (b"two\r\n", "two"), (b"three\n\n", "three\n"), (b"four", "four")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        with Ticking(company):
            said = shell("secret", "set", "orders", "PAYMENT_KEY", "--ecosystem", "production")
        assert (said.status, said.out) == (0, "set-secret it is\n")
        assert list(company.vault[PRODUCTION]._open().offers.values())[-1].value == kept


@pytest.mark.parametrize(
    ("given", "says"), [(b"\n", "no value"), (b"a\0b\n", "NUL"), (b"x" * (LONGEST + 9), "64 KiB"), (b"\xff", "UTF-8")]
)
def test_what_cannot_be_a_value_is_usage(
    shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch, given: bytes, says: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    said = shell("secret", "set", "orders", "PAYMENT_KEY", "--ecosystem", "production")
    assert (said.status, says in said.err) == (2, True)
    assert not company.store.intents()


def test_the_longest_value_is_taken(shell: Shell, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x" * LONGEST + b"\r\n")))
    with Ticking(company):
        assert shell("secret", "set", "orders", "BIG", "--ecosystem", "staging", "--no-wait").status == 0


def test_no_value_is_taken_from_an_argument(shell: Shell, company: Company) -> None:
    said = shell("secret", "set", "orders", "PAYMENT_KEY", "s3cret", "--ecosystem", "production")
    assert said.status == 2
    assert shell("secret", "set", "orders", "PAYMENT_KEY", "--ecosystem", "shop").status == 2
    assert not company.store.intents()


CHILD = """
import hashlib
from twinstage.cli.secret import _read
from twinstage.model.names import Ecosystem
print("read", hashlib.sha256(_read("orders", "KEY", Ecosystem.PRODUCTION)).hexdigest(), flush=True)
"""


def test_a_terminal_is_asked_and_shows_nothing_of_what_is_typed() -> None:
    master, slave = pty.openpty()
    own = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # noqa: E731 - the terminal is this session's
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=own
    )
    os.close(slave)
    said = b""
    while b"KEY of orders in production: " not in said:
        said += os.read(master, 1000)
    os.write(master, b"s3cret\n")
    try:
        while more := os.read(master, 1000):
            said += more
    except OSError:
        pass  # the terminal's other end is closed: it has ended
    assert child.wait() == 0
    os.close(master)
    assert b"s3cret" not in said
    expected = hashlib.sha256(b"s3cret").hexdigest().encode()
    assert expected in said


def test_list_shows_names_versions_who_and_what_is_lacking(shell: Shell, company: Company) -> None:
    company.live(LIVE)
    waiting = rollout("a1", "orders", State.CANDIDATE, because("SECRET_MISSING", missing="x"), release=NEXT.id)
    company.write(releases=(NEXT,), rollouts=((None, waiting),))
    is_set(company, "PAYMENT_KEY", "OLD")
    lines = {tuple(line.split()[1:3]): line for line in shell("secret", "list", "orders").out.splitlines()[1:]}
    assert " ago" in lines["production", "PAYMENT_KEY"]
    assert "ada@build7" in lines["production", "PAYMENT_KEY"]
    assert "nothing needs it" in lines["production", "OLD"]
    assert "not set  " in lines["production", "TOKEN"]
    assert "needed by rollout a1" in lines["production", "TOKEN"]
    assert f"needed by {LIVE.id} in production, rollout a1" in lines["staging", "PAYMENT_KEY"]
    told = json.loads(shell("secret", "list", "--json").out)
    assert {(it["ecosystem"], it["name"], it["version"]) for it in told} == {
        ("production", "OLD", 3), ("production", "PAYMENT_KEY", 3), ("production", "TOKEN", None),
        ("staging", "PAYMENT_KEY", None), ("staging", "TOKEN", None),
    }  # fmt: skip
    assert set(told[0]) == {"service", "ecosystem", "name", "version", "at", "by", "needed", "rotating"}
    assert shell("secret", "list", "payments").out == "no secret is set, and none is needed\n"
    assert shell("secret", "list", "order").status == 2


def test_status_tells_what_will_be_lacking_as_soon_as_it_is_known(api: Api, company: Company) -> None:
    company.live(LIVE)
    is_set(company, "PAYMENT_KEY", "TOKEN", ecosystem=STAGING)
    is_set(company, "PAYMENT_KEY")
    gating = rollout("a1", "orders", State.GATING, because("GATES_RUNNING", gates="unit"), release=NEXT.id)
    company.write(releases=(NEXT,), rollouts=((None, gating),))
    (found,) = [it["text"] for it in api.get("/v1/status").json()["attention"] if it["service"] == "orders"]
    assert "`twinstage secret set orders TOKEN --ecosystem production`" in found
    assert "staging" not in found


def test_a_new_value_that_does_not_take_over_is_shown(shell: Shell, api: Api, company: Company) -> None:
    company.live(LIVE)
    is_set(company, "PAYMENT_KEY")
    assert not [it for it in api.get("/v1/status").json()["attention"] if "older secrets" in it["text"]]
    is_set(company, "PAYMENT_KEY", number=2)
    (found,) = [it["text"] for it in api.get("/v1/status").json()["attention"] if "older secrets" in it["text"]]
    assert found.startswith("production serves with its older secrets until")
    assert "the older one still serves: 0 of 2 instances healthy" in shell("secret", "list", "orders").out
    company.see(PRODUCTION, (LIVE, 2), ill={LIVE.id: Health.UNHEALTHY})
    assert not [it for it in api.get("/v1/status").json()["attention"] if "older secrets" in it["text"]], "none answers"


def test_remove_asks(shell: Shell, company: Company) -> None:
    with Ticking(company):
        said = shell("secret", "remove", "orders", "OLD", "--ecosystem", "staging", "--why", "unused")
    assert (said.status, said.out) == (0, "remove-secret it is\n")
    intent = company.store.intents(pending=False)[-1]
    assert (intent.verb, intent.why) == (IntentVerb.REMOVE_SECRET, "unused")
    assert intent.args == {"service": "orders", "ecosystem": "staging", "name": "OLD"}


def test_the_company_has_an_option_of_its_own(shell: Shell, monkeypatch: pytest.MonkeyPatch, company: Company) -> None:
    assert shell("secret", "list", "--company", "shop").status == 0
    monkeypatch.setattr("twinstage.cli.company.companies", lambda: ["shop", "mill"])
    said = shell("secret", "list")
    assert (said.status, "--company shop" in said.err) == (2, True)
