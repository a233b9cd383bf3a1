"""A TLS server outside all sandboxes, and instances that call it."""

import http.server
import socket
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from examples.outside import provider

from contract.bench import PORTS, key, serve
from contract.local_bench import HOSTS, NEAR, LocalBench, machine_address
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.model.seen import Crossing
from twinstage.model.workload import Workload
from twinstage.runtime.local.layout import Layout

FAR, ALIKE = HOSTS
ASKS = b"""
import http.server, os, ssl, urllib.request

class Asks(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = b"well"
        if url := self.headers["X-Url"]:
            try:
                context = ssl.create_default_context(cafile="ca.pem")
                answer = urllib.request.urlopen(url, timeout=20, context=context).read()
            except OSError as error:
                answer = f"{error} {getattr(error, 'read', bytes)().decode()}".encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Asks).serve_forever()
"""


def certificate(directory: Path) -> Path:
    """For the test's own names, signed by itself; with its key in one file."""
    pem, key = provider.certificate([*HOSTS, NEAR], datetime.now(UTC))
    (directory / "ca.pem").write_bytes(pem)
    both = directory / "both.pem"
    both.write_bytes(pem + key)
    return both


class Server:
    """Answers in TLS alone, at every address of the machine, with whom it was called by and as what."""

    def __init__(self, directory: Path) -> None:
        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"{self.headers['Host'].partition(':')[0]} from afar".encode())

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: tests are quiet."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(directory))
        self._server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Answers)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._server.server_address[1])
        self.authority = directory / "ca.pem"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Callers:
    """Instances of the suite's company that call what they are told to."""

    def __init__(self, local: LocalBench, layout: Layout, server: Server) -> None:
        self.local, self.layout, self.server = local, layout, server
        tree = layout.artifacts / "contract"
        (tree / "asks.py").write_bytes(ASKS)
        (tree / "ca.pem").write_bytes(server.authority.read_bytes())

    def place(self, host: str, port: int | None = None) -> str:
        return f"{host}:{port or self.server.port}"

    def served(
        self,
        service: str,
        ecosystem: Ecosystem,
        outside: Mapping[str, str],
        stubs: Mapping[str, ServiceName] | None = None,
        *,
        release: str = "r_000000000001",
    ) -> Workload:
        """A healthy workload that declares these, and its route."""
        which = key(service, release, ecosystem)
        workload = self.local.workload(which, "exec python3 asks.py", 1)
        stood = stubs or {}
        workload = replace(workload, outside=outside, stubs=stood, calls=tuple(stood.values()))
        serve(self.local, workload)
        return workload

    def taken_away(self, service: str, ecosystem: Ecosystem) -> None:
        """Its route and its workload; gone when this returns."""
        which = key(service, ecosystem=ecosystem)
        self.local.runtime.delete_route(ecosystem, ServiceName(service), self.local.fence)
        self.local.settle(lambda: not self.local.runtime.observe(ecosystem).routes.get(ServiceName(service)))
        self.local.runtime.delete_workload(which, self.local.fence)
        self.local.settle(lambda: which not in self.local.runtime.observe(ecosystem).workloads)

    def asked(self, service: str, ecosystem: Ecosystem, url: str) -> str:
        """What an instance of the service met at the URL."""
        port = PORTS[service][ecosystem][0]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"X-Url": url})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def told(self, words: str) -> str:
        """What is told of outside names, as soon as these words are in it."""
        found: list[str] = []

        def there() -> bool:
            every = [f"{it.about} {it.what}" for it in self.local.bare.troubles() if "outside" in it.about]
            found[:] = [line for line in every if words in line]
            return bool(found)

        self.local.settle(there)
        return found[0]

    def crossing(self, ecosystem: Ecosystem, target: str) -> Crossing:
        found: list[Crossing] = []

        def there() -> bool:
            found[:] = [c for c in self.local.runtime.crossings(ecosystem, 0) if c.target.startswith(target)]
            return bool(found)

        self.local.settle(there)
        return found[-1]


def closed_port() -> int:
    """Of the machine's own address: nobody listens there."""
    with socket.socket() as trial:
        trial.bind((machine_address(), 0))
        return int(trial.getsockname()[1])
