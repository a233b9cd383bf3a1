"""Serves pricing on HOST:PORT until SIGTERM, and then finishes what it has begun."""

import os

import uvicorn

from pricing.app import app


def main():
    uvicorn.run(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8080")),
        log_level="warning",
        access_log=False,
        timeout_keep_alive=86_400,  # an idle connection is the proxy's to close, not ours
        timeout_graceful_shutdown=8,
    )


if __name__ == "__main__":
    main()
