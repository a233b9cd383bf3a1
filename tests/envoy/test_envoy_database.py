"""The database server's port: passed on for declared callers, closed to others, and never cut off by a change of callers."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from envoy_rig import Proxy, eventually
from envoy_upstream import Upstreams

from twinstage.runtime.local.envoy import database


@pytest.fixture
def server() -> Iterator[int]:
    """Answers each line with itself, on every connection, until it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def converse(connection: socket.socket) -> None:
            with connection:
                while data := connection.recv(100):
                    connection.sendall(data)

        def serve() -> None:
            while True:
                try:
                    connection, _ = door.accept()
                except OSError:
                    return
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield int(door.getsockname()[1])
        door.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def live(proxy: Proxy, instances: Upstreams, server: int) -> Proxy:
    one = instances.instance("one")
    proxy.put_workload("r_1", [(one.address, one.port)])
    proxy.put_database(server, ("127.0.64.0/26",))
    proxy.start({"r_1": 100})
    return proxy


def opened(proxy: Proxy, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.database), timeout=30, source_address=(source, 0))


def said(connection: socket.socket, what: bytes = b"hello\n") -> bytes:
    """Its answer; nothing where it was closed."""
    try:
        connection.sendall(what)
        return connection.recv(100)
    except ConnectionError:
        return b""


def reached(proxy: Proxy, source: str) -> bool:
    with opened(proxy, source) as connection:
        return said(connection) == b"hello\n"


def test_declared_callers_reach_the_server_and_others_do_not(live: Proxy) -> None:
    assert reached(live, "127.0.64.63")
    assert not reached(live, "127.0.64.64")


def test_a_change_of_callers_cuts_nobody_off(live: Proxy) -> None:
    with opened(live, "127.0.64.1") as old:
        assert said(old) == b"hello\n"
        live.put_callers(("127.0.65.0/26",))
        eventually(lambda: reached(live, "127.0.65.1"), "the new caller is let in")
        assert not reached(live, "127.0.64.1"), "nobody comes in by the old list any more"
        assert said(old, b"still\n") == b"still\n"


def test_without_callers_nobody_comes_in(live: Proxy) -> None:
    live.put_callers(())
    eventually(lambda: not reached(live, "127.0.64.1"), "the caller is not let in")


def test_one_workload_takes_no_place_of_another(live: Proxy) -> None:
    """Half-open connections too: the server counts a role's only once they have said their password."""
    first, second = "127.0.64.0/26", "127.0.65.0/26"
    live.put_callers((first, second))
    live.apart = (first,)
    live.put_listeners()
    eventually(lambda: reached(live, "127.0.65.1"), "both are let in")
    held = [opened(live, f"127.0.64.{1 + number % 60}") for number in range(3 * database.MOST)]
    try:
        eventually(lambda: not reached(live, "127.0.64.1"), "the first has all that it may have")
        assert reached(live, "127.0.65.1"), "and the second what it needs"
        kept = [one for one in held if said(one) == b"hello\n"]
        assert len(kept) <= database.MOST
        live.apart = (first, second)
        live.put_listeners()
        eventually(lambda: "127.0.65.0/26" in listed(live), "the second has a chain of its own")
        assert all(said(one, b"still\n") == b"still\n" for one in kept), "which cuts nobody off"
        live.apart = (second,)
        live.put_listeners()
        eventually(lambda: reached(live, "127.0.64.1"), "a workload that is gone takes no place")
    finally:
        for one in held:
            one.close()


def listed(proxy: Proxy) -> str:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(proxy.process.socket))) as admin:
        return admin.get("http://envoy/config_dump?resource=dynamic_listeners").text
