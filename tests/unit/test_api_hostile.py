"""What a hostile client sends to the API's socket: each is answered in words, costs little, and the next one is served."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from face_company import Company, Served, release

FREEZE = "/v1/services/orders/freeze"
WELL = b'{"by":"ada","why":"a sale"}'


@pytest.fixture
def sent(company: Company, served: Served) -> "Sender":
    company.live(release("orders", "1"))
    return Sender(served.path)


class Sender:
    def __init__(self, path: Path) -> None:
        self._path = path

    def raw(self, words: bytes) -> tuple[int, bytes]:
        """Status and body of what comes back; (0, b"") where the connection is closed instead."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(self._path))
            said = b""
            with suppress(ConnectionError):  # it may not want to hear all of it
                link.sendall(words)
            with suppress(ConnectionError):
                while more := link.recv(65536):
                    said += more
        head, _, body = said.partition(b"\r\n\r\n")
        return (int(head.split()[1]), body) if head else (0, b"")

    def __call__(self, method: str, target: str, body: bytes = b"", *headers: str) -> tuple[int, bytes]:
        about = ["Host: x", "Connection: close", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        return self.raw("\r\n".join([f"{method} {target} HTTP/1.1", *about, *headers, "", ""]).encode() + body)


BODIES = {
    "lists in lists": b"[" * 200_000 + b"]" * 200_000,
    "objects in objects": b'{"by":' * 100_000 + b"1" + b"}" * 100_000,
    "a number without end": b'{"by":"a","why":"b","until":' + b"9" * 400_000 + b"}",
    "not a number": b'{"by":"a","why":NaN}',
    "beyond all numbers": b'{"by":"a","why":"b","until":1e999}',
    "half a pair": b'{"by":"\\ud800","why":"b"}',
    "no UTF-8": b'{"by":"\xff","why":"b"}',
    "nothing": b"",
    "null": b"null",
    "too long a reason": json.dumps({"by": "a", "why": "x" * 900_000}).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_none_is_refused_in_words(sent: Sender, company: Company, body: bytes) -> None:
    status, said = sent("POST", FREEZE, body)
    assert status in (400, 422)
    assert json.loads(said)["title"] == f"cannot POST {FREEZE}"
    assert not company.store.intents()
    assert sent("POST", FREEZE, WELL)[0] == 202


def test_a_body_without_a_length_is_read_no_further_than_its_limit(sent: Sender, company: Company) -> None:
    chunks = (b"ffff\r\n" + b" " * 0xFFFF + b"\r\n") * 40 + b"0\r\n\r\n"
    head = f"POST {FREEZE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, said = sent.raw(head.encode() + chunks)
    assert (status, json.loads(said)["detail"]) == (413, "the body is larger than 1 MiB")
    assert sent("GET", "/v1/status")[0] == 200


TARGETS = (
    "/v1/services/../../etc/passwd",
    "/v1/services/%2e%2e%2f%2e%2e",
    "/v1/rollouts/..%2f..%2fx",
    "/v1/logs/%2e%2e",
    "/v1/logs/..%2f..%2fstore.db",
    "/v1/services/a%00b",
    "/v1/services/%ed%a0%80",
    "/v1/services/%D0%BErders",
    "/v1/services/" + "a" * 60_000,
    "/v1/logs/x?offset=99999999999999999999999",
    "/v1/status?after=1&wait=nan",
    "/v1/status?after=1&wait=1e9",
    "/v1/journal?after=99999999999999999999999999",
    "/v1/history?limit=-5",
)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:40])
def test_a_path_leads_nowhere_that_is_not_described(sent: Sender, target: str) -> None:
    status, said = sent("GET", target)
    assert status in (400, 404, 422)
    assert json.loads(said)["status"] == status
    assert sent("GET", "/v1/status")[0] == 200


@pytest.mark.parametrize("key", ["../../x", "k" * 5000, "a b c d e f", "short"])
def test_a_key_is_a_plain_word(sent: Sender, key: str) -> None:
    assert sent("POST", FREEZE, WELL, f"Idempotency-Key: {key}")[0] == 422


def test_the_same_order_from_many_at_once_is_one(sent: Sender, company: Company) -> None:
    with ThreadPoolExecutor(16) as many:
        asked = [many.submit(sent, "POST", FREEZE, WELL, "Idempotency-Key: the-same-one") for _ in range(48)]
    answers = {(one.result()[0], json.loads(one.result()[1])["id"]) for one in asked}
    assert answers == {(202, "the-same-one")}
    assert [intent.id for intent in company.store.intents()] == ["the-same-one"]


def test_idle_and_half_said_connections_keep_nobody_out(sent: Sender, served: Served) -> None:
    held = [socket.socket(socket.AF_UNIX) for _ in range(300)]
    try:
        for link in held:
            link.settimeout(10)
            link.connect(str(served.path))
            link.sendall(b"POST /v1/services/orders/freeze HTTP/1.1\r\nContent-Length: 10000\r\n")
        assert sent("GET", "/v1/status")[0] == 200
    finally:
        for link in held:
            link.close()
