"""Serves inventory on port 8000, always, until SIGTERM."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import psycopg

from inventory.database import answers, pool
from inventory.deliveries import NotADelivery, delivery
from inventory.stock import deliver, stock

PORT = 8000
MODE = os.environ.get("MODE", "sandbox")


def health():
    """Healthy is who can look at the shelves: that takes our own database."""
    well = answers()
    database = "answers" if well else "does not answer"
    return 200 if well else 503, {"service": "inventory", "mode": MODE, "database": database}


def got(path):
    """Gives status and JSON value for a GET of ``path``."""
    url = urlsplit(path)
    match url.path:
        case "/healthz":
            return health()
        case "/stock":
            return 200, {"stock": stock(parse_qs(url.query).get("sku", []))}
    return problem(404, "nothing here", "try /stock")


def posted(path, body):
    """Gives status and JSON value for a POST of ``body``, which is bytes, to ``path``."""
    if path != "/deliveries":
        return problem(404, "nothing here", "try /deliveries")
    try:
        sku, count = delivery(body)
    except NotADelivery as error:
        return problem(422, "not a delivery", str(error))
    now = deliver(sku, count)
    return problem(404, "no such shelf", sku) if now is None else (200, {"sku": sku, "stock": now})


def problem(status, title, detail):
    return status, {"title": title, "status": status, "detail": detail}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5  # seconds for a request to arrive
    wbufsize = -1  # headers and body leave together
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer(got, self.path)

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        self.answer(posted, self.path, self.rfile.read(min(length, 4096)))

    def answer(self, do, *what):
        try:
            status, value = do(*what)
        except psycopg.OperationalError as error:
            detail = f"{type(error).__name__}: ask again in a moment"
            status, value = problem(503, "the database failed", detail)
        body = json.dumps(value).encode()
        kind = "application/problem+json" if "title" in value else "application/json"
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
    with pool, Server(("127.0.0.1", PORT), Handler) as server:
        # shutdown() waits for the loop, which runs in this thread: another has to ask for it
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
