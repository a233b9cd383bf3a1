"""The real program on a loopback port, with a stand-in for its neighbours, and a database.

The gate declares the database and migrates it first. Elsewhere, before pytest:
ORDERS_DATABASE_URL=postgresql://... python -m orders.migrate
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest


class Program:
    """The service as it runs in production: a process of its own, asked over HTTP."""

    def __init__(self, url):
        self.url = url

    def ask(self, path, body=None, baggage=None):
        """Gives status and JSON of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} | ({"baggage": baggage} if baggage else {})
        request = Request(self.url + path, data, headers)
        try:
            with urlopen(request, timeout=10) as reply:
                return reply.status, json.load(reply)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)


class Neighbours(ThreadingHTTPServer):
    """Stands in for every neighbour: answers what the test tells it to, remembers the baggage."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.answers = {}  # path without its query -> (status, JSON)
        self.baggage = []


class Answer(BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("content-length", 0))
        self.rfile.read(length)
        self.server.baggage.append(self.headers["baggage"])
        missing = (404, {"title": f"the test has no answer for {self.path}"})
        status, value = self.server.answers.get(self.path.partition("?")[0], missing)
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        """Quiet: the test says what matters."""


@pytest.fixture(scope="session")
def neighbours():
    with Neighbours() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_listens(process, port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, f"it ended with status {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"it does not listen on port {port}")


@pytest.fixture(scope="session")
def program(neighbours):
    port = free_port()
    env = os.environ | {"HOST": "127.0.0.1", "PORT": str(port), "MODE": "sandbox"}
    here = f"http://127.0.0.1:{neighbours.server_port}"
    env |= dict.fromkeys(("PAYMENTS_URL", "SHIPPING_URL"), here)
    process = subprocess.Popen([sys.executable, "-m", "orders"], env=env)
    try:
        wait_until_it_listens(process, port)
        yield Program(f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) in (0, -signal.SIGTERM)


@pytest.fixture
def database():
    with psycopg.connect(os.environ["ORDERS_DATABASE_URL"], autocommit=True) as connection:
        yield connection
