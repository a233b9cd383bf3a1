"""Every wall of an ecosystem's network stands; what each of them keeps out gets through where that one is taken away.

Each is taken away by a small change of text in a copy of what runs inside, in an ecosystem of its own: all at once.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from network_removals import REMOVALS, Removal
from sealed import GATEWAY, HERE, SOURCES, Sealed, until, wire

pytestmark = pytest.mark.real

GET = "GET / HTTP/1.1\r\nHost: there\r\n\r\n"
PAY = {"host": "pay.example", "port": 443, "address": "10.63.0.1", "stub": None}
LISTENS = ("14001", "14002", "17000", "9901")


def tcp(address: str, port: int, send: str = GET, **more: Any) -> dict[str, Any]:
    return {"probe": "tcp", "address": address, "port": port, "send": send, "wait": 5.0, **more}


def refused(answer: Mapping[str, Any]) -> bool:
    """By the sentinel, in its own words."""
    return answer.get("data", "").startswith("HTTP/1.1 403") and "Not reachable from" in answer["data"]


TRIES = {
    "an undeclared frontend": (tcp(GATEWAY, 14002), refused),
    "the proxy's administration": (tcp(GATEWAY, 9901), refused),
    "the databases": (tcp(GATEWAY, 17000), refused),
    "a neighbour past the proxy": (tcp("10.64.3.1", 16002), refused),
    "the world": (tcp("8.8.8.8", 80), refused),
    "another's outside name": (tcp("10.63.0.1", 443), refused),
    "a datagram to the gateway": ({"probe": "udp", "address": GATEWAY, "port": 14001}, lambda a: "error" in a),
    "a datagram to a neighbour": ({"probe": "udp", "address": "10.64.2.1", "port": 16001}, lambda a: "error" in a),
    "IPv6": ({"probe": "ipv6"}, lambda a: a.get("error") == "OSError"),
    "a neighbour's name": ({"probe": "dns", "name": "catalog", "wait": 5.0}, lambda a: a.get("rcode") == "NXDOMAIN"),
    "a name of the world": ({"probe": "dns", "name": "pay.example", "wait": 5.0}, lambda a: a.get("rcode") == "NXDOMAIN"),
    "another source address": (
        tcp("127.0.0.1", 14001, "hello\n", source="127.9.9.9"), lambda a: a.get("data") == "here 10.64.1.1",
    ),
}  # fmt: skip
"""What is tried by one that may call `payments` alone, and whether that is the wall's answer."""


def passing(sources: Path) -> set[str]:
    """What gets through in an ecosystem made of these sources."""
    sealed = Sealed(sources)
    try:
        sealed.want(
            wire("orders-1", 1, "orders", calls=["payments"]),
            wire("payments-1", 2, "payments", outside=[PAY]),
            wire("catalog-1", 3, "catalog"),
        )
        sealed.watch_over()
        assert sealed.sync()["failed"] == {}
        _listen(sealed, None, *(f"tcp:0.0.0.0:{port}" for port in (*LISTENS, "443")), f"udp:{GATEWAY}:14001")
        _listen(sealed, "payments-1", "udp:0.0.0.0:16001")
        answers = sealed.probe("orders-1", *(dict(probe) for probe, _ in TRIES.values()))
        return {
            name for (name, (_, stopped)), answer in zip(TRIES.items(), answers, strict=True) if not stopped(answer)
        }
    finally:
        sealed.close()


def _listen(sealed: Sealed, where: str | None, *words: str) -> None:
    argv = (sys.executable, str(HERE / "listeners.py"), *words)
    _, log = sealed.start(*(sealed.on(where, *argv) if where else argv))
    until(lambda: "serving" in log.read_text(), f"somebody listens: {log.read_text()}")


def without(wall: Removal, folder: Path) -> Path:
    """A copy of the sources in which it does not stand."""
    shutil.copytree(SOURCES / "twinstage" / "inside", folder / "twinstage" / "inside")
    shutil.copy(SOURCES / "twinstage" / "__init__.py", folder / "twinstage")
    for old, new in wall.changes:
        (path,) = (path for path in folder.rglob("*.py") if old in path.read_text())
        text = path.read_text()
        assert text.count(old) == 1, f"{path.name} has {old!r} more than once"
        path.write_text(text.replace(old, new))
    return folder


@pytest.fixture(scope="module")
def passed() -> Iterator[Mapping[str, set[str]]]:
    """What gets through where everything stands, and without each wall."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, ThreadPoolExecutor(len(REMOVALS) + 1) as people:
        Path(folder).chmod(0o755)
        sources = {"": SOURCES}
        for number, (name, wall) in enumerate(REMOVALS.items()):
            sources[name] = without(wall, Path(folder) / str(number))
        yield dict(zip(sources, people.map(passing, sources.values()), strict=True))


def test_nothing_gets_through(passed: Mapping[str, set[str]]) -> None:
    assert passed[""] == set()


@pytest.mark.parametrize("name", REMOVALS)
def test_without_a_wall_just_what_it_keeps_out_gets_through(passed: Mapping[str, set[str]], name: str) -> None:
    assert passed[name] == REMOVALS[name].passes
