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
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from sqlalchemy.exc import DBAPIError

from twinstage.api.app import create_app
from twinstage.api.reception import Reception
from twinstage.artifacts.shelf import TreeShelf
from twinstage.config.definition import definition
from twinstage.controller.probing import Rhythm
from twinstage.controller.tick import Controller
from twinstage.forge.mirror import Mirror
from twinstage.forge.upkeep import Upkeep
from twinstage.judge.judge import PlainJudge
from twinstage.model.holding import Holding, HoldingKind
from twinstage.model.names import Ecosystem, Port, ServiceName
from twinstage.model.release import Definition
from twinstage.retention.bounds import Bounds
from twinstage.runtime.local import start
from twinstage.runtime.local.doorway import Doorway
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.local import LocalRuntime
from twinstage.runtime.local.sandbox import toolchain
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.runtime import StaleFence, Unavailable
from twinstage.store.store import Store
from twinstage.store.trouble import StaleEpoch, StoreTrouble
from twinstage.vault import FileBox, Vault, VaultTrouble

PERIOD = 1.0
"""Seconds between ticks when nobody asks for one."""
BUSY = 0.3
"""Seconds between ticks while a release is on its way, at most: what it waits for is only ever seen by looking."""
REST = 4
"""So many times as long as such a tick took nothing is done after it, so that looking takes a fifth of a core, if that is less."""

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


def hindrance(trouble: Exception) -> str:
    """One line for people: SQLAlchemy's own words bring the statement and an address on the web."""
    if isinstance(trouble, DBAPIError):
        return f"the store: {trouble.orig}"
    return f"{type(trouble).__name__}: {trouble}" if str(trouble) else type(trouble).__name__


def pause(controller: Controller, took: float, *, failed: bool) -> float:
    """Seconds until the next tick, after one that took so long."""
    if failed or not controller.busy:
        return PERIOD
    if controller.moved:
        return 0.0
    rest = min(BUSY, REST * took)
    return rest if controller.due is None else min(rest, max(controller.due - took, 0.0))


class Ticker:
    """Ticks each second, oftener while a release is on its way, at once when woken or when a release came a step further.

    A failed tick costs a second.
    """

    def __init__(self, controller: Controller, stop: Callable[[], None]) -> None:
        self._controller, self._stop = controller, stop
        self._woken = threading.Event()
        self._ended = False
        self.hindered = ""
        """What kept the last tick from its end, in words; empty when nothing did."""
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)

    def start(self, after: int) -> None:
        self._controller.start(now(), after)
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
            began = time.monotonic()
            try:
                self._controller.tick(now(), began)
                self.hindered = ""
            except (StaleEpoch, StaleFence) as error:
                log.error("stopping: %s", error)
                self._stop()
                return
            except Exception as trouble:
                if (words := hindrance(trouble)) != self.hindered:
                    log.exception("a tick failed; the next one looks again")
                self.hindered = words
            self._woken.wait(pause(self._controller, time.monotonic() - began, failed=bool(self.hindered)))


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
        start.note(layout)
        start.forget(layout)
        return serve(layout)
    except (StoreTrouble, OSError) as trouble:
        log.error("cannot start: %s", trouble)
        start.failed(layout, str(trouble))
        return 4
    finally:
        os.close(held)


def own(layout: Layout, shelf: TreeShelf, mirror: Mirror) -> tuple[Holding, ...]:
    """What the core itself holds."""
    at = datetime.fromtimestamp(layout.store.stat().st_mtime, UTC)
    files = (layout.store.with_name(layout.store.name + suffix) for suffix in ("", "-wal", "-shm"))
    size = sum(path.stat().st_blocks * 512 for path in files if path.exists())
    commits = (
        Holding(kind=HoldingKind.REPOSITORY, name=name, service=name, bytes=bytes, at=at)
        for name, bytes in mirror.sizes().items()
    )
    return (Holding(kind=HoldingKind.STORE, name=layout.store.name, bytes=size, at=at), *commits, *shelf.holdings())


def serve(layout: Layout) -> int:
    """Build the parts, tick and serve until told to stop."""
    settings = Settings.read(layout.state / "settings.json")
    store = Store(layout.store)
    vault = {ecosystem: Vault(ecosystem, FileBox(layout.vault, ecosystem.value)) for ecosystem in Ecosystem}

    def values(ecosystem: Ecosystem, service: ServiceName, number: int) -> Mapping[str, str]:
        try:
            return vault[ecosystem].values(service, number)
        except (VaultTrouble, OSError) as trouble:
            raise Unavailable(f"cannot read the secrets of {service} in {ecosystem}: {trouble}") from None

    runtime = LocalRuntime(layout, settings, values)
    mirror = Mirror(layout.repositories)
    shelf = TreeShelf(
        commits=mirror,
        read=read_definition,
        artifacts=layout.artifacts,
        exports=layout.exports,
        seals=layout.seals,
        toolchain=toolchain.version(),
    )
    controller = Controller(
        store=store,
        runtime=runtime,
        shelf=shelf,
        judge=PlainJudge(),
        new_id=new_id,
        free=free,
        vault=vault,
        probing=Rhythm(),
    )
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
        vault=vault,
        runtime=runtime,
        now=now,
        new_id=new_id,
        jobs=lambda: controller.jobs,
        intact=shelf.intact,
        hindered=lambda: ticker.hindered,
        holdings=lambda: (*runtime.holdings(), *own(layout, shelf, mirror)),
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    upkeep = Upkeep(mirror, Bounds().every)
    reception = Reception(
        store=store,
        latest=lambda: controller.latest,
        wake=ticker.wake,
        doorway=Doorway(layout),
        now=now,
        new_id=new_id,
    )
    ticker.start(runtime.highest)  # we alone hold the lock, so nobody of that epoch is alive
    upkeep.start()
    reception.open(api_socket(layout.visits))
    log.info("controller of %s, epoch %s", settings.name, store.epoch)
    server.run(sockets=[listening])
    upkeep.end()
    ticker.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
