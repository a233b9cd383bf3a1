"""Wires are made whole, kept, repaired and removed; a sentinel may die at any moment. On the real kernel."""

import json
import signal
import time
from pathlib import Path

import pytest
from sealed import GATEWAY, PORTS, Sealed, until, wire

pytestmark = pytest.mark.real


def text(sealed: Sealed, command: str) -> str:
    return sealed.run("/bin/sh", "-c", command)


def inode(sealed: Sealed, name: str) -> str:
    """The identity of the namespace that is pinned there, and when its wire was found whole."""
    return text(sealed, f"stat -c '%d %i' /run/ns/{name}; stat -c '%i %Y' /run/ns/{name}.ready")


def lines(log: Path) -> int:
    return log.read_text().count("staging")


def test_syncing_twice_changes_nothing(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders"), wire("payments-1", 2, "payments"))
    sealed.watch_over()
    first = sealed.sync()
    before = inode(sealed, "orders-1"), text(sealed, "ip -o link; ls /run/ns")
    assert "NO-CARRIER" not in before[1]
    assert first == {"ok": True, "wires": ["orders-1", "payments-1"], "failed": {}}
    assert sealed.sync() == first
    assert (inode(sealed, "orders-1"), text(sealed, "ip -o link; ls /run/ns")) == before


def test_what_is_not_wanted_any_more_leaves_nothing(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders"), wire("payments-1", 2, "payments"))
    sealed.watch_over()
    sealed.sync()
    sealed.serve("orders-1", "127.0.0.1", 16000, "orders")
    sealed.want(wire("payments-1", 2, "payments"))
    assert sealed.sync()["wires"] == ["payments-1"]
    assert text(sealed, "ls /run/ns").split() == ["payments-1", "payments-1.ready"]
    assert text(sealed, "ip -o link | wc -l; ip -o route | wc -l; grep -c /run/ns/ /proc/self/mounts").split() == [
        "2",
        "1",
        "1",
    ]
    sealed.want()
    assert sealed.sync() == {"ok": True, "wires": [], "failed": {}}
    assert text(sealed, "ls /run/ns; ip -o link | wc -l; grep -c /run/ns/ /proc/self/mounts || true").split() == [
        "1",
        "0",
    ]


def test_an_address_moves_to_another_wire_in_one_sync(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders"))
    sealed.watch_over()
    sealed.want(wire("orders-2", 1, "orders"))
    assert sealed.sync() == {"ok": True, "wires": ["orders-2"], "failed": {}}
    sealed.serve("orders-2", "127.0.0.1", 16000, "orders two")
    answer = sealed.probe(None, {"probe": "tcp", "address": "10.64.1.1", "port": 16000, "send": "hi\n"})
    assert answer[0]["data"] == f"orders two {GATEWAY}: hi\n"


def test_a_killed_sentinel_takes_nothing_with_it(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders", calls=["payments"]), wire("payments-1", 2, "payments"))
    sealed.watch_over()
    sealed.sync()
    sealed.serve(None, GATEWAY, 14001, "staging's payments")
    log = sealed.chat("orders-1", "127.0.0.1", 14001)
    before = inode(sealed, "orders-1")
    assert sealed.sentinel is not None
    sealed.end(sealed.sentinel, signal.SIGKILL)
    seen = lines(log)
    until(lambda: lines(log) > seen + 5, "an open connection goes on without a sentinel")
    fresh = {"probe": "tcp", "address": GATEWAY, "port": 14001, "send": "new\n"}
    assert sealed.probe("orders-1", fresh)[0]["data"] == "staging's payments 10.64.1.1: new\n"
    stray = {"probe": "tcp", "address": "8.8.8.8", "port": 80, "send": "GET / HTTP/1.1\r\n\r\n"}
    assert sealed.probe("orders-1", stray)[0]["error"] == "ConnectionRefusedError"

    sealed.watch_over()
    assert sealed.sync()["wires"] == ["orders-1", "payments-1"]
    assert inode(sealed, "orders-1") == before
    seen = lines(log)
    until(lambda: lines(log) > seen + 5, "the same connection goes on with the next sentinel")
    assert "closed" not in log.read_text()
    assert "403" in sealed.probe("orders-1", stray)[0]["data"]
    sealed.crossed(wire="orders-1", target="8.8.8.8:80")


def test_a_sentinel_ends_cleanly_and_without_desired_files_takes_nothing_away(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders", calls=["payments"]))
    sealed.watch_over()
    sealed.sync()
    sealed.serve(None, GATEWAY, 14001, "payments")
    assert sealed.sentinel is not None
    assert sealed.end(sealed.sentinel, signal.SIGTERM) == 0
    assert not (sealed.folder / "sockets" / "sentinel.sock").exists()
    sealed.write("ports.json", "{")
    sealed.watch_over()
    answer = sealed.sync()
    assert answer["ok"] is False
    assert answer["error"].startswith("cannot read /desired/ports.json: ")
    probe = {"probe": "tcp", "address": GATEWAY, "port": 14001, "send": "hi\n"}
    assert sealed.probe("orders-1", probe)[0]["data"] == "payments 10.64.1.1: hi\n"
    assert sealed.ask("status")["trouble"] == answer["error"]


@pytest.mark.parametrize(
    "half",
    [
        "touch /run/ns/orders-1",
        "unshare --net=/run/ns/orders-1 true",
        "unshare --net=/run/ns/orders-1 sh -c 'ip link add eth0 type veth peer name {veth} && ip link set {veth} netns 1'",
        "ip link add {veth} type veth peer name other",
        "echo nonsense > /run/ns/orders-1.ready",
        "echo '{{}}' > /run/ns/orders-1.ready; touch /run/ns/orders-1",
    ],
)
def test_what_a_killed_sentinel_left_half_made_is_made_anew(sealed: Sealed, half: str) -> None:
    sealed.want()
    sealed.watch_over()
    veth = text(sealed, "echo -n orders-1 | sha256sum | cut -c-12").strip()
    if half.startswith(("touch", "unshare")):
        text(sealed, "touch /run/ns/orders-1")
    text(sealed, half.format(veth=f"v{veth}"))
    sealed.want(wire("orders-1", 1, "orders"))
    assert sealed.sync() == {"ok": True, "wires": ["orders-1"], "failed": {}}
    sealed.serve("orders-1", "127.0.0.1", 16000, "orders")
    answer = sealed.probe(None, {"probe": "tcp", "address": "10.64.1.1", "port": 16000, "send": "hi\n"})
    assert answer[0]["data"] == f"orders {GATEWAY}: hi\n"
    assert text(sealed, "grep -c /run/ns/orders-1 /proc/self/mounts").strip() == "1"


def test_half_made_wires_that_nobody_wants_are_removed(sealed: Sealed) -> None:
    text(sealed, "touch /run/ns/old; unshare --net=/run/ns/old true; ip link add v0123456789ab type veth peer name x")
    sealed.want()
    sealed.watch_over()
    assert sealed.sync()["ok"] is True
    assert text(sealed, "ls /run/ns; ip -o link | wc -l").split() == ["1"]


def test_a_lost_wire_is_put_back_under_the_instance_that_runs(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders"))
    sealed.watch_over()
    sealed.sync()
    sealed.serve("orders-1", "127.0.0.1", 16000, "orders")
    text(sealed, "ip link del $(ip -o link | sed -n 's/.*: \\(v[0-9a-f]*\\)@.*/\\1/p')")
    assert sealed.sync()["wires"] == ["orders-1"]
    answer = sealed.probe(None, {"probe": "tcp", "address": "10.64.1.1", "port": 16000, "send": "hi\n"})
    assert answer[0]["data"] == f"orders {GATEWAY}: hi\n"


def test_declarations_and_ports_change_under_running_instances(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders"))
    sealed.watch_over()
    sealed.sync()
    sealed.serve(None, GATEWAY, 14001, "payments")
    before = text(sealed, "stat -c '%d %i' /run/ns/orders-1")
    probe = {"probe": "tcp", "address": "127.0.0.1", "port": 14001, "send": "hi\n"}
    get = {**probe, "send": "GET / HTTP/1.1\r\n\r\n"}
    assert "403" in sealed.probe("orders-1", get)[0]["data"]
    wider = {**PORTS, "ranges": {**PORTS["ranges"], "staging": [14000, 15999]}}
    sealed.want(wire("orders-1", 1, "orders", calls=["payments"]), ports=wider)
    sealed.sync()
    assert sealed.probe("orders-1", probe)[0]["data"].startswith("payments 10.64.1.1: hi")
    assert "403" in sealed.probe("orders-1", {**get, "port": 15999})[0]["data"]
    assert text(sealed, "stat -c '%d %i' /run/ns/orders-1") == before


def test_one_bad_file_is_told_and_harms_no_other_wire(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders", calls=["payments"]), wire("payments-1", 2, "payments"))
    sealed.watch_over()
    sealed.sync()
    sealed.serve(None, GATEWAY, 14001, "payments")
    before = inode(sealed, "orders-1")
    sealed.write("wires/orders-1.json", '{"id": "orders-1"')
    sealed.write("wires/gateway.json", json.dumps(wire("gateway", 9, "orders", address=GATEWAY)))
    sealed.write("wires/thief.json", json.dumps(wire("thief", 2, "payments")))
    sealed.write("wires/other.json", json.dumps(wire("elsewhere", 8, "orders")))
    answer = sealed.sync()
    assert answer["wires"] == ["payments-1"]
    assert sorted(answer["failed"]) == ["gateway", "orders-1", "other", "thief"]
    assert "10.64.2.1 is payments-1's address already" in answer["failed"]["thief"]
    assert inode(sealed, "orders-1") == before
    probe = {"probe": "tcp", "address": GATEWAY, "port": 14001, "send": "hi\n"}
    assert sealed.probe("orders-1", probe)[0]["data"] == "payments 10.64.1.1: hi\n"


def test_fifty_wires_at_once(sealed: Sealed, capsys: pytest.CaptureFixture[str]) -> None:
    sealed.want()
    sealed.watch_over()
    sealed.want(*(wire(f"orders-{number}", number, "orders", calls=["payments"]) for number in range(1, 51)))
    begun = time.monotonic()
    assert len(sealed.sync()["wires"]) == 50
    made = time.monotonic()
    assert len(sealed.sync()["wires"]) == 50
    again = time.monotonic()
    sealed.want()
    begun_removing = time.monotonic()
    sealed.sync()
    with capsys.disabled():
        print(
            f"\n50 wires: made in {made - begun:.2f} s, found again in {again - made:.3f} s, "
            f"removed in {time.monotonic() - begun_removing:.2f} s"
        )
    assert text(sealed, "ls /run/ns; ip -o link | wc -l").split() == ["1"]


def test_a_second_sentinel_gives_way_to_the_first(sealed: Sealed) -> None:
    sealed.want(wire("orders-1", 1, "orders"))
    sealed.watch_over()
    first = sealed.ask("status")["pid"]
    assert sealed.ask("status")["noted"] is True, "this kernel tells of what the guard drops"
    pid, log = sealed.start(*sealed.sentinel_command())
    until(lambda: "Address already in use" in log.read_text(), "the second one says why it ends")
    assert sealed.end(pid) != 0
    assert sealed.ask("status")["pid"] == first


def test_closing_leaves_no_process_and_no_folder() -> None:
    ecosystem = Sealed()
    folder = str(ecosystem.folder)
    try:
        ecosystem.want(wire("orders-1", 1, "orders"))
        ecosystem.watch_over()
        ecosystem.sync()  # or its wire is not there yet
        ecosystem.serve("orders-1", "127.0.0.1", 16000, "orders")
    finally:
        ecosystem.close()
    assert not Path(folder).exists()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path] if folder.encode() in path.read_bytes() else []
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    assert found == []
