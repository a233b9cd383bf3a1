"""Serves accounts on HOST:PORT until SIGTERM, and then finishes what it has begun."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from accounts.customers import customer

MODE = os.environ.get("MODE", "sandbox")


def answer(path):
    """Gives status and JSON value for a GET of ``path``."""
    match urlsplit(path).path.strip("/").split("/"):
        case ["healthz"]:
            return 200, {"service": "accounts", "mode": MODE}
        case ["customers", name]:
            found = customer(unquote(name), MODE)
            if found:
                return 200, found
            return 404, {"title": "no such customer", "status": 404, "detail": unquote(name)}
    return 404, {"title": "nothing here", "status": 404, "detail": "try /customers/ada"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5  # seconds for a request to arrive
    wbufsize = -1  # headers and body leave together
    disable_nagle_algorithm = True

    def do_GET(self):
        status, value = answer(self.path)
        body = json.dumps(value).encode()
        kind = "application/json" if status == 200 else "application/problem+json"
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")  # see Server
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The proxy keeps the access log."""


class Server(ThreadingHTTPServer):
    """One thread a request, so that closing can wait for exactly those that were begun."""

    daemon_threads = False
    request_queue_size = 128


def main():
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    with Server(address, Handler) as server:
        # shutdown() waits for the loop, which runs in this thread: another has to ask for it
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
