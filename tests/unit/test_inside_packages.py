"""The package proxy and the door to it, on real sockets and processes."""

import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from twinstage.inside.indexes import Entry, is_own
from twinstage.inside.packages import allowed_hosts
from twinstage.inside.upstream import Upstream

Start = Callable[..., Path]

FETCH = """
import os, urllib.request
print(urllib.request.urlopen("http://" + os.environ["INDEX"] + "/simple/x/?q=1").read().decode())
"""


LISTENS = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
print("ready", flush=True)
signal.pause()
"""


class Index(BaseHTTPRequestHandler):
    """An index in clear that answers with the request's first line and headers."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.requestline}\n{self.headers}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Runs the proxy with an allow-list; returns its socket once it serves."""
    running: list[subprocess.Popen[str]] = []

    def begin(*allow: str, **environment: str) -> Path:
        path = tmp_path / "packages.sock"
        argv = [sys.executable, "-m", "twinstage.inside.packages", "--socket", str(path), "--allow", ",".join(allow)]
        child = subprocess.Popen(
            argv, stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"], **environment}
        )
        running.append(child)
        assert child.stderr is not None
        assert "serving" in child.stderr.readline()
        return path

    yield begin
    for child in running:
        child.terminate()
        _, errors = child.communicate(timeout=30)
        assert child.returncode == 0
        assert "Traceback" not in errors
    assert not (tmp_path / "packages.sock").exists()


def ask(path: Path, data: str, then: str = "") -> str:
    """What comes back until the end; ``then`` is sent after the first answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(data.encode())
        answer = b""
        if then:
            answer = client.recv(65536)
            client.sendall(then.encode())
        while chunk := client.recv(65536):
            answer += chunk
    return answer.decode()


def test_a_tunnel_to_an_allowed_host_carries_both_ways(start: Start, index: str) -> None:
    path = start(index)
    answer = ask(path, f"CONNECT {index} HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert answer.startswith("HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK")
    assert "GET /a HTTP/1.1" in answer
    assert path.stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize(
    "target",
    [
        "evil.example:443",
        "pypi.org:80",
        "pypi.org.evil.example:443",
        "127.0.0.1:22",
        "localhost:443",
        "x y",
        "@:pypi.org",
    ],
)
def test_every_other_host_is_refused_in_words(start: Start, target: str) -> None:
    path = start("pypi.org", "127.0.0.1:1")
    answer = ask(path, f"CONNECT {target} HTTP/1.1\r\n\r\n")
    if " " in target:
        assert answer.startswith("HTTP/1.1 400 ")
        return
    assert answer.startswith("HTTP/1.1 403 Forbidden\r\n")
    assert "builds do not reach" in answer
    assert "(127.0.0.1:1, pypi.org)" in answer


def test_a_refused_host_is_logged(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "packages.sock"
    argv = [sys.executable, "-m", "twinstage.inside.packages", "--socket", str(path), "--allow", "pypi.org"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        child.stderr.readline()
        ask(path, "CONNECT evil.example:443 HTTP/1.1\r\n\r\n")
        assert "refused 'evil.example:443'" in child.stderr.readline()
        child.terminate()


def test_an_index_in_clear_is_asked_in_clear(start: Start, index: str) -> None:
    path = start(f"http://{index}")
    answer = ask(
        path, f"GET http://{index}/simple/?a=b HTTP/1.1\r\nHost: {index}\r\nProxy-Secret: x\r\nAccept: y\r\n\r\n"
    )
    assert answer.startswith("HTTP/1.1 200 OK")
    assert "GET /simple/?a=b HTTP/1.1" in answer
    assert "Accept: y" in answer
    assert "Proxy-Secret" not in answer


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_host_allowed_by_tls_is_not_asked_in_clear(start: Start, index: str, method: str) -> None:
    answer = ask(start(index), f"{method} http://{index}/ HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 403 Forbidden\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [("nonsense\r\n\r\n", "400"), ("GET http://x/ HTTP/1.1\r\nA: " + "a" * 200_000, "431")],
)
def test_what_is_no_request_is_answered(start: Start, sent: str, status: str) -> None:
    assert ask(start("pypi.org"), sent).startswith(f"HTTP/1.1 {status} ")


def test_a_host_that_is_not_there_is_a_bad_gateway(start: Start) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answer = ask(start(f"127.0.0.1:{port}"), f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 502 Bad Gateway")
    assert f"cannot reach 127.0.0.1:{port}" in answer


def test_a_name_that_leads_to_this_machine_is_not_followed(start: Start) -> None:
    # The host's own name stands in /etc/hosts as a loopback address on many machines; here the resolver is told so.
    name = "index.example"
    program = (
        "import asyncio, socket\n"
        "from twinstage.inside.upstream import Unreachable, Upstream\n"
        "async def look(*a, **k): return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', ('127.0.0.1', 443))]\n"
        "async def main():\n"
        "    asyncio.get_running_loop().getaddrinfo = look\n"
        "    try: await Upstream.of({}, own=['index.example']).connect('index.example', 443)\n"
        "    except Unreachable as trouble: print(trouble)\n"
        "asyncio.run(main())\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == f"cannot reach {name}:443: its name leads to 127.0.0.1, this machine itself\n"


class Outer(socketserver.StreamRequestHandler):
    """The proxy that a company's machine sits behind: answers CONNECT, then echoes what it was asked."""

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.readline()
        refuses = b"refused.example" in head
        self.wfile.write(b"HTTP/1.1 407 Who are you\r\n\r\n" if refuses else b"HTTP/1.1 200 OK\r\n\r\n" + head)


@pytest.fixture(scope="module")
def outer() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Outer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://me:s%3Acret@127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_behind_a_proxy_it_asks_that_one(start: Start, outer: str) -> None:
    path = start("index.example", "refused.example", HTTPS_PROXY=outer)
    answer = ask(path, "CONNECT index.example:443 HTTP/1.1\r\n\r\n", "hello")
    assert answer.startswith("HTTP/1.1 200 Connection established\r\n\r\nCONNECT index.example:443 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6czpjcmV0\r\n" in answer
    refused = ask(path, "CONNECT refused.example:443 HTTP/1.1\r\n\r\n")
    assert refused.startswith("HTTP/1.1 502 ")
    assert "407 Who are you" in refused
    assert "cret" not in refused


def test_what_needs_no_proxy_goes_without(start: Start, index: str) -> None:
    path = start(index, HTTPS_PROXY="http://127.0.0.1:1", NO_PROXY="other.example")
    answer = ask(path, f"CONNECT {index} HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert "GET /a HTTP/1.1" in answer


@pytest.mark.parametrize(
    ("without", "host", "direct"),
    [
        ("index.example", "index.example", True),
        (".example", "index.example", True),
        ("*.example", "index.example", True),
        ("*", "index.example", True),
        ("index.example:443", "index.example", True),
        ("index.example:80", "index.example", False),
        ("dex.example", "index.example", False),
        ("", "index.example", False),
        (" , ", "index.example", False),
        ("10.0.0.1", "10.0.0.1", True),
    ],
)
def test_no_proxy_is_read_as_elsewhere(without: str, host: str, direct: bool) -> None:
    upstream = Upstream.of({"https_proxy": "proxy.example:3128", "no_proxy": without})
    assert upstream._goes_direct(host, 443) is direct


@pytest.mark.parametrize("url", ["socks5://proxy:1080", "http://"])
def test_a_proxy_of_another_kind_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match="HTTPS_PROXY"):
        Upstream.of({"HTTPS_PROXY": url})


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1", "localhost"]
)
def test_addresses_of_this_machine_are_known(host: str) -> None:
    assert is_own(host)
    assert not is_own("10.1.2.3")
    assert not is_own("pypi.org")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("PyPI.org", "pypi.org"),
        ("pypi.org:443", "pypi.org"),
        ("mirror:8443", "mirror:8443"),
        ("http://mirror", "http://mirror"),
        ("http://mirror:8080", "http://mirror:8080"),
        ("[::1]:3141", "[::1]:3141"),
    ],
)
def test_entries_are_read_and_shown(text: str, shown: str) -> None:
    assert str(Entry.parse(text)) == shown
    assert Entry.parse(shown) == Entry.parse(text)


@pytest.mark.parametrize("text", ["", "host:port", "host/path", "http://"])
def test_what_is_no_entry_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|port"):
        Entry.parse(text)


FILES = "files.pythonhosted.org"


@pytest.mark.parametrize(
    ("environment", "hosts"),
    [
        ({}, [FILES, "pypi.org"]),
        ({"PIP_INDEX_URL": "https://me:secret@mirror.example/simple"}, [FILES, "mirror.example"]),
        ({"UV_DEFAULT_INDEX": "https://mirror.example:8443/simple"}, [FILES, "mirror.example:8443"]),
        ({"UV_INDEX_URL": "http://127.0.0.1:3141/root"}, [FILES, "http://127.0.0.1:3141"]),
        (
            {"PIP_EXTRA_INDEX_URL": "https://a.example/x https://b.example/"},
            ["a.example", "b.example", FILES, "pypi.org"],
        ),
        ({"UV_INDEX": "inner=https://a.example/x"}, ["a.example", FILES, "pypi.org"]),
        ({"PIP_INDEX_URL": "not a url"}, [FILES]),
    ],
)
def test_hosts_come_from_the_environment(environment: dict[str, str], hosts: list[str], tmp_path: Path) -> None:
    assert allowed_hosts(environment, system=tmp_path / "none") == sorted(hosts)


def test_hosts_come_from_pips_files(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://system.example/\nextra-index-url=\n  https://e.example/\n"
    )
    assert allowed_hosts({}, system=tmp_path / "pip.conf") == ["e.example", FILES, "system.example"]
    (tmp_path / ".config" / "pip").mkdir(parents=True)
    (tmp_path / ".config" / "pip" / "pip.conf").write_text("[install]\nindex_url = https://%user.example/\n")
    (tmp_path / ".config" / "pip" / "pip.conf").write_text("[global]\nindex_url = https://user.example/\n")
    found = allowed_hosts({"HOME": str(tmp_path)}, system=tmp_path / "pip.conf")
    assert found == ["e.example", FILES, "user.example"]


def test_hosts_come_from_lock_files_but_never_this_machine(tmp_path: Path) -> None:
    lock = 'x = { url = "https://cdn.example/a.whl" }\ny = "https://127.0.0.1:5432/"\nz = "http://clear.example/"\n'
    assert allowed_hosts({}, [lock], system=tmp_path / "none") == ["cdn.example", FILES, "pypi.org"]


def forward(path: Path, *argv: str, **environment: str) -> subprocess.Popen[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    full = [sys.executable, "-m", "twinstage.inside.forward", str(path), str(port), "--", *argv]
    env = {"PATH": os.environ["PATH"], "http_proxy": f"http://127.0.0.1:{port}", **environment}
    return subprocess.Popen(full, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def test_a_command_behind_the_door_reaches_the_index(start: Start, index: str) -> None:
    door = forward(start(f"http://{index}"), sys.executable, "-c", FETCH, INDEX=index)
    out, errors = door.communicate(timeout=30)
    assert (door.returncode, errors) == (0, "")
    assert out.startswith("GET /simple/x/?q=1 HTTP/1.1")


def test_a_refusal_is_said_where_the_build_is_read(start: Start, index: str) -> None:
    door = forward(start("pypi.org"), sys.executable, "-c", FETCH, INDEX=index)
    _, errors = door.communicate(timeout=30)
    assert door.returncode == 1
    assert f"twinstage: builds do not reach {index} in clear" in errors


def test_without_the_proxy_the_door_says_so(tmp_path: Path, index: str) -> None:
    door = forward(tmp_path / "none.sock", sys.executable, "-c", FETCH, INDEX=index)
    _, errors = door.communicate(timeout=30)
    assert door.returncode == 1
    assert "cannot reach the package proxy" in errors


@pytest.mark.parametrize(("command", "status"), [("exit 7", 7), ("kill -KILL $$", 137), ("exit 0", 0)])
def test_the_commands_status_is_the_doors(tmp_path: Path, command: str, status: int) -> None:
    door = forward(tmp_path / "none.sock", "sh", "-c", command)
    door.communicate(timeout=30)
    assert door.returncode == status


def test_being_told_to_stop_is_passed_on(tmp_path: Path) -> None:
    door = forward(tmp_path / "none.sock", sys.executable, "-c", LISTENS)
    assert door.stdout is not None
    assert door.stdout.readline() == "ready\n"
    door.send_signal(signal.SIGTERM)
    door.communicate(timeout=30)
    assert door.returncode == 9


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    door = forward(tmp_path / "none.sock", "/nowhere/uv")
    _, errors = door.communicate(timeout=30)
    assert door.returncode == 127
    assert "/nowhere/uv" in errors
