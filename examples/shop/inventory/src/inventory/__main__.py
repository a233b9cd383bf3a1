"""Serves inventory on port 8000, always, until SIGTERM."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from inventory.stock import stock

PORT = 8000
MODE = os.environ.get("MODE", "sandbox")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5  # seconds for a request to arrive
    wbufsize = -1  # headers and body leave together
    disable_nagle_algorithm = True

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self.answer(200, {"service": "inventory", "mode": MODE})
        elif url.path == "/stock":
            self.answer(200, {"stock": stock(parse_qs(url.query).get("sku", []))})
        else:
            self.answer(404, {"title": "nothing here", "status": 404, "detail": "try /stock"})

    def answer(self, status, value):
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
    with Server(("127.0.0.1", PORT), Handler) as server:
        # shutdown() waits for the loop, which runs in this thread: another has to ask for it
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
