"""The real program on a loopback port, and a database.

The gate declares the database and migrates it first. Elsewhere, before pytest:
PAYMENTS_DATABASE_URL=postgresql://... python -m payments.migrate
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
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
def program():
    port = free_port()
    env = os.environ | {"HOST": "127.0.0.1", "PORT": str(port), "MODE": "sandbox"}
    process = subprocess.Popen([sys.executable, "-m", "payments"], env=env)
    try:
        wait_until_it_listens(process, port)
        yield Program(f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) in (0, -signal.SIGTERM)


@pytest.fixture
def database():
    with psycopg.connect(os.environ["PAYMENTS_DATABASE_URL"], autocommit=True) as connection:
        yield connection
