"""Several instances flood the sentinel at once: every place that each tried is known, and their neighbour goes on. On the real
kernel. What is asserted holds on a slow machine too; how fast it was is printed."""

import signal
from collections import defaultdict

import pytest
from sealed import GATEWAY, Sealed, until, wire

pytestmark = pytest.mark.real

FLOODERS = [f"flood-{number}" for number in range(5)]
RATE, SECONDS, PLACES = 1000, 1.5, 60


@pytest.fixture(scope="module")
def crowd(company: Sealed) -> Sealed:
    """Five that flood, and ``orders-1``, which may call payments."""
    names = ("payments", "catalog", "user-data", "orders", "catalog")
    floods = [wire(id, number, name) for number, (id, name) in enumerate(zip(FLOODERS, names, strict=True), start=2)]
    company.want(wire("orders-1", 1, "orders", calls=["payments"]), *floods)
    company.watch_over()
    assert company.sync()["failed"] == {}
    company.serve(None, GATEWAY, 14001, "payments's proxy")
    return company


def tried(crowd: Sealed, way: str) -> dict[str, set[str]]:
    """Wire -> the places it is known to have tried that way."""
    found: dict[str, set[str]] = defaultdict(set)
    marks = {"tcp": lambda t: t.startswith("198."), "dns": lambda t: t.startswith("dns h")}
    marks["udp"] = lambda t: t.startswith("udp 198.")
    for line in crowd.crossings():
        if marks[way](line["target"]):
            found[line["wire"]].add(line["target"])
    return found


@pytest.mark.parametrize("way", ["tcp", "dns", "udp"])
def test_every_place_that_each_of_five_tried_is_known_and_their_neighbour_has_no_error(crowd: Sealed, way: str) -> None:
    quiet = crowd.flood("orders-1", "calls", 0.5, GATEWAY, 14001)()
    ends = [crowd.flood(flooder, way, RATE, SECONDS, PLACES) for flooder in FLOODERS]
    beside = crowd.flood("orders-1", "calls", SECONDS, GATEWAY, 14001)()
    told = [end() for end in ends]
    everything = lambda: {w: len(places) for w, places in tried(crowd, way).items()} == dict.fromkeys(FLOODERS, PLACES)  # noqa: E731
    until(everything, f"every place is known; there are { {w: len(p) for w, p in tried(crowd, way).items()} }")
    print(f"\n{way}: {told}\nneighbour without {quiet}\nneighbour beside {beside}")
    assert (quiet["errors"], beside["errors"]) == (0, 0)


def test_one_that_floods_without_measure_takes_no_first_attempt_of_anothers(crowd: Sealed) -> None:
    ends = [crowd.flood(flooder, way, 20_000, 2, 100_000) for flooder, way in (("flood-0", "dns"), ("flood-1", "tcp"))]
    names = crowd.flood("orders-1", "names", 20, 1.5, 1000)()
    told = [end() for end in ends]
    print(f"\nbeside {told}: {names}")
    rest = crowd.crossed(wire="flood-0", target="many other places", kind="outside")
    assert rest["advice"].startswith("200 places are told apart; about ")
    dropped = [line for line in crowd.crossings() if line["wire"] == "flood-0" and line["answered"] == "dropped"]
    assert [line for line in dropped if not line["target"].startswith("udp ")], "the guard tells of what it drops"
    assert tried(crowd, "dns")["orders-1"] == {f"dns h{number}.example.com" for number in range(names["asked"])}
    assert len({line["target"] for line in crowd.crossings() if line["wire"] == "flood-0"}) <= 201


def test_a_sentinel_killed_under_a_flood_loses_nothing_told_and_opens_nothing(crowd: Sealed) -> None:
    ends = [crowd.flood(flooder, "tcp", RATE, 2, PLACES) for flooder in FLOODERS[2:]]
    chat = crowd.chat("orders-1", GATEWAY, 14001)
    before = crowd.crossings()
    crowd.end(crowd.sentinel, signal.SIGKILL)
    stray, name, allowed = crowd.probe(
        "orders-1",
        {"probe": "tcp", "address": "198.51.100.1", "port": 443},
        {"probe": "dns", "name": "api.stripe.com", "wait": 2},
        {"probe": "tcp", "address": GATEWAY, "port": 14001, "send": "hello\n"},
    )
    assert stray["error"] == "ConnectionRefusedError"
    assert "error" in name
    crowd.probe("orders-1", {"probe": "udp", "address": "198.51.100.2", "port": 443})
    assert allowed["data"] == "payments's proxy 10.64.1.1: hello\n"
    crowd.watch_over()
    assert crowd.crossed(wire="orders-1", target="198.51.100.1:443", answered="closed"), "tried while nobody was there"
    assert crowd.crossed(wire="orders-1", target="udp 198.51.100.2:443", answered="dropped")
    for end in ends:
        end()
    assert crowd.crossings()[: len(before)] == before
    crowd.probe("flood-4", {"probe": "dns", "name": "after.example"})
    assert crowd.crossed(wire="flood-4", target="dns after.example")
    assert "closed" not in chat.read_text()
