"""Serves payments on HOST:PORT until SIGTERM, and then finishes what it has begun."""

import os
import signal
import sys

from waitress import create_server

from payments.app import app
from payments.database import pool


def main():
    server = create_server(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8080")),
        threads=8,
        channel_timeout=86_400,  # an idle connection is the proxy's to close, not ours
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with pool:
        server.run()


if __name__ == "__main__":
    main()
