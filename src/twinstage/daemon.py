"""The controller's process: the only place where real parts are put together.

``python -m twinstage.daemon --state DIR --sockets DIR``. One thread ticks; the main thread serves the API. Killed at any
instant it is started again by the core's supervisor and goes on from the store.
"""

import argparse
import fcntl
import logging
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from twinstage.api.app import create_app
from twinstage.artifacts.shelf import TreeShelf
from twinstage.config.definition import definition
from twinstage.controller.tick import Controller
from twinstage.forge.mirror import Mirror
from twinstage.judge.judge import PlainJudge
from twinstage.model.names import Port, ServiceName
from twinstage.model.release import Definition
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.local import LocalRuntime
from twinstage.runtime.local.sandbox import toolchain
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.runtime import StaleFence
from twinstage.store.store import Store
from twinstage.store.trouble import StaleEpoch

PERIOD = 1.0
"""Seconds between ticks when nobody asks for one."""
BUSY = 0.3
"""Seconds between ticks while a release is on its way: what it waits for is only ever seen by looking."""

log = logging.getLogger("twinstage")


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    """16 hex digits."""
    return secrets.token_hex(8)


def free(port: Port) -> bool:
    """Can this port be bound on the machine's 127.0.0.1? Only ever asked when a service gets its ports."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ticker:
    """Ticks each second, oftener while a release is on its way, at once when woken. A failed tick costs a second."""

    def __init__(self, controller: Controller, stop: Callable[[], None]) -> None:
        self._controller, self._stop = controller, stop
        self._woken = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)

    def start(self) -> None:
        self._controller.start(now())
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def end(self) -> None:
        """Returns when the tick in hand is over."""
        self._ended = True
        self._woken.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._ended:
            self._woken.clear()
            try:
                self._controller.tick(now())
            except (StaleEpoch, StaleFence) as error:
                log.error("stopping: %s", error)
                self._stop()
                return
            except Exception:
                log.exception("a tick failed; the next one looks again")
            self._woken.wait(BUSY if self._controller.busy else PERIOD)


def api_socket(path: Path) -> socket.socket:
    """A listening Unix socket of mode 0600, made by us since uvicorn would open it to everybody."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(old)
    listening.listen(128)
    return listening


def lock(path: Path) -> int:
    """The one controller of this store, by a lock that ends with the process. Raises BlockingIOError for a second one."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def read_definition(text: bytes, file: str, service: ServiceName) -> Definition:
    return definition(text, file, service=service)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="twinstage.daemon")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--sockets", type=Path, required=True)
    told = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    os.umask(0o027)
    layout = Layout(state=told.state, sockets=told.sockets)
    try:
        held = lock(layout.store.with_suffix(".lock"))
    except BlockingIOError:
        log.error("another controller of this company runs; this one ends")
        return 4
    try:
        return serve(layout)
    finally:
        os.close(held)


def serve(layout: Layout) -> int:
    """Build the parts, tick and serve until told to stop."""
    settings = Settings.read(layout.state / "settings.json")
    store = Store(layout.store)
    runtime = LocalRuntime(layout, settings)
    mirror = Mirror(layout.repositories)
    shelf = TreeShelf(
        commits=mirror,
        read=read_definition,
        artifacts=layout.artifacts,
        exports=layout.exports,
        seals=layout.seals,
        toolchain=toolchain.version(),
    )
    controller = Controller(store=store, runtime=runtime, shelf=shelf, judge=PlainJudge(), new_id=new_id, free=free)
    listening = api_socket(layout.api)
    server: uvicorn.Server | None = None

    def stop() -> None:
        if server is not None:
            server.should_exit = True

    ticker = Ticker(controller, stop)
    app = create_app(
        store=store,
        latest=lambda: controller.latest,
        wake=ticker.wake,
        mirror=mirror,
        runtime=runtime,
        now=now,
        new_id=new_id,
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    ticker.start()
    log.info("controller of %s, epoch %s", settings.name, store.epoch)
    server.run(sockets=[listening])
    ticker.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
