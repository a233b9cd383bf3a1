"""The load generator counts what happened, and nothing that did not."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from twinstage.demo.load import Call, Load, Sample, Tally, tally
from twinstage.demo.traffic import PLACING, calls


class Shelf(BaseHTTPRequestHandler):
    """``/200`` and ``/500`` answer so; ``/wait`` answers once the test lets it."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/wait":
            self.server.let.wait(30)  # type: ignore[attr-defined]
        self.server.asked.append((self.command, self.path, body))  # type: ignore[attr-defined]
        self.send_response(500 if self.path == "/500" else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = _answer

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        server.asked, server.let = [], threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.let.set()  # type: ignore[attr-defined]
        server.shutdown()


def until(holds: Callable[[], bool], within: float = 20.0) -> None:
    end = time.monotonic() + within
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        pause.wait(0.01)


@contextmanager
def running(*wanted: Call, **options: Any) -> Iterator[Load]:
    with Load(wanted, rate=200.0, **options) as load:
        yield load


def outcomes(counted: Tally) -> set[str]:
    return {sample.outcome for sample in counted.failures}


def test_answers_are_counted_by_status(server: Any) -> None:
    port = server.server_port
    good, bad = (Call(service=s, port=port, path=p) for s, p in (("good", "/200"), ("bad", "/500")))
    with running(good, bad) as load:
        until(lambda: load.since(0).requests >= 20)
    counted = load.since(0)
    assert 0 < counted.failed < counted.requests
    assert outcomes(counted) == {"500"}
    assert counted.failed == load.since(0, service="bad").requests
    assert load.since(0, service="good").failed == 0
    assert load.since(0, paths=["/500"]).requests == counted.failed
    assert counted.requests == len(server.asked)


def test_a_body_is_posted_as_json(server: Any) -> None:
    with running(Call(service="cart", port=server.server_port, path="/200", body={"cup": 1})):
        until(lambda: len(server.asked) >= 1)
    method, path, body = server.asked[0]
    assert (method, path, json.loads(body)) == ("POST", "/200", {"cup": 1})


def test_nobody_there_is_a_failure() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as closed:
        port = closed.server_port
    with running(Call(service="gone", port=port, path="/")) as load:
        until(lambda: load.since(0).requests >= 3)
    counted = load.since(0)
    assert counted.failed == counted.requests
    assert outcomes(counted) == {"ConnectError"}
    assert "refused" in counted.failures[0].detail


def test_what_finds_no_free_place_is_not_a_failure(server: Any) -> None:
    with running(Call(service="slow", port=server.server_port, path="/wait"), at_once=2) as load:
        until(lambda: load.since(0).skipped >= 5)
        server.let.set()
    counted = load.since(0)
    assert counted.failed == 0
    assert counted.requests == len(server.asked)


def test_a_mark_cuts_the_traffic(server: Any) -> None:
    with running(Call(service="any", port=server.server_port, path="/200")) as load:
        until(lambda: load.since(0).requests >= 5)
        mark = load.mark()
        until(lambda: load.since(mark).requests >= 5)
    early, late, all_of_it = load.since(0, until=mark), load.since(mark), load.since(0)
    assert early.requests + late.requests == all_of_it.requests


def test_it_ends_by_itself(server: Any) -> None:
    load = Load([Call(service="any", port=server.server_port, path="/200")], rate=100.0, longest=0.1)
    with load:
        until(lambda: not any(thread.name == "load pacer" for thread in threading.enumerate()))
    assert 1 <= load.since(0).requests <= 12


def test_a_tally_of_nothing() -> None:
    assert tally([]).p99 == 0.0


def test_the_slowest_hundredth() -> None:
    samples = [Sample(service="a", at=0, seconds=n / 1000, outcome="200") for n in range(200)]
    assert tally(samples).p99 == pytest.approx(0.198)


def test_the_mix_goes_to_this_machine_and_charges_austrian_cards_three_times_in_ten() -> None:
    ports = {
        name: 10000 + n for n, name in enumerate(("storefront", "catalog", "cart", "pricing", "payments", "orders"))
    }
    mix = calls(ports)
    charged = [call.body["country"] for call in mix if call.service == "payments" and call.body]
    assert all(call.url.startswith("http://127.0.0.1:") for call in mix)
    assert charged.count("AT") / len(charged) == pytest.approx(0.3)
    placing = [call for call in mix if call.path in PLACING]
    assert {call.service for call in placing} == {"orders", "storefront"}
    assert all(call.body for call in placing), "looking at orders places none"
