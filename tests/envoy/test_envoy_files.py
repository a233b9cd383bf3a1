"""The writer, the versions, and the argument list."""

import json
import socket
from contextlib import suppress
from pathlib import Path

from envoy_rig import CONNECTIONS, Proxy, call, eventually
from envoy_upstream import Upstreams

from twinstage.model.names import Port
from twinstage.runtime.local.envoy import binary
from twinstage.runtime.local.envoy.bootstrap import command, descriptors
from twinstage.runtime.local.envoy.clusters import Target, clusters
from twinstage.runtime.local.envoy.discovery import version, write
from twinstage.runtime.local.envoy.endpoints import endpoints


def test_unchanged_content_is_not_rewritten(tmp_path: Path) -> None:
    place = tmp_path / "one.json"
    assert write(place, {"b": 1, "a": 2})
    before = place.stat().st_ino
    assert not write(place, {"a": 2, "b": 1})
    assert place.stat().st_ino == before
    assert write(place, {"a": 3})
    assert json.loads(place.read_text()) == {"a": 3}
    assert list(tmp_path.iterdir()) == [place]
    assert place.stat().st_mode & 0o777 == 0o644


def test_order_does_not_make_another_version() -> None:
    a, b = Target(name="a", health="/"), Target(name="b", health=None)
    assert clusters([a, b]) == clusters([b, a])
    assert endpoints("a", ["10.64.1.2", "10.64.1.1"], Port(12000)) == endpoints(
        "a", ["10.64.1.1", "10.64.1.2"], Port(12000)
    )
    assert version([{"name": "a"}]) != version([{"name": "b"}])


def test_hot_restart_is_off() -> None:
    arguments = command(binary.path(), Path("/b.json"), concurrency=2)
    assert "--disable-hot-restart" in arguments
    assert arguments[arguments.index("--concurrency") + 1] == "2"


def test_connections_are_bounded_before_descriptors_run_out(proxy: Proxy) -> None:
    """Envoy would abort; instead what comes over the bound is closed, and the admin interface still answers."""
    assert descriptors(CONNECTIONS) > 2 * CONNECTIONS
    proxy.start({})
    held = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(CONNECTIONS + 50)]
    try:
        eventually(lambda: any(_closed(one) for one in held), "those over the bound are closed")
        assert proxy.admin.ready()
    finally:
        for one in held:
            one.close()
    eventually(lambda: _status(proxy) == 503, "and it serves again")


def _closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _status(proxy: Proxy) -> int:
    try:
        return call(proxy.port).status
    except ConnectionError:
        return 0


def _held(pid: int) -> str:
    """What its descriptors are of. One may be closed while they are looked at."""
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return " ".join(found)


def test_a_proxy_follows_no_files_itself(proxy: Proxy, instances: Upstreams) -> None:
    """Each would take one of the 128 inotify instances that an account usually has."""
    one = instances.instance("one")
    proxy.put_workload("r_old", [(one.address, one.port)])
    proxy.put_workload("r_new", [(one.address, one.port)])
    proxy.start({"r_old": 50, "r_new": 50})

    assert "eventfd" in (held := _held(proxy.process.pid))
    assert "inotify" not in held


def test_without_its_discovery_server_what_is_in_force_stays_and_goes_on_when_it_is_back(
    proxy: Proxy, instances: Upstreams
) -> None:
    one = instances.instance("one")
    proxy.put_workload("r_one", [(one.address, one.port)])
    proxy.start({"r_one": 100})
    proxy.until_healthy("r_one", 1)

    proxy.process.silence()
    version = proxy.put_route({})
    assert call(proxy.port).status == 200

    proxy.process.serve()
    proxy.routed(version)
    assert call(proxy.port).status == 503


def test_what_is_refused_is_offered_again_now_and_then_and_what_is_mended_at_once(proxy: Proxy) -> None:
    proxy.start({})
    bad = proxy.process.xds / "rds" / "orders.json"
    write(bad, {"version_info": "bad", "resources": [{"name": "orders"}]})
    eventually(lambda: proxy.admin.figures().versions.routes.get("orders") != "bad", "the bad one is not taken")

    version = proxy.put_route({})

    proxy.routed(version)
