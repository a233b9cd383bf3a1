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
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn

from twinstage.api.app import create_app
from twinstage.api.office import Office
from twinstage.api.reception import Reception
from twinstage.artifacts.shelf import TreeShelf
from twinstage.config.definition import definition
from twinstage.controller.probing import Rhythm
from twinstage.controller.tick import Controller
from twinstage.controller.ticker import Ticker
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
from twinstage.runtime.runtime import Unavailable
from twinstage.store.store import Store
from twinstage.store.trouble import StoreTrouble
from twinstage.vault import FileBox, Vault, VaultTrouble

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


def secret_values(
    vault: Mapping[Ecosystem, Vault], ecosystem: Ecosystem, service: ServiceName, number: int
) -> Mapping[str, str]:
    """What the runtime hands over to instances. Raises Unavailable: to the runtime a vault is one more part that may fail."""
    try:
        return vault[ecosystem].values(service, number)
    except (VaultTrouble, OSError) as trouble:
        raise Unavailable(f"cannot read the secrets of {service} in {ecosystem}: {trouble}") from None


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The real parts of one company's controller, all on this machine."""

    layout: Layout
    store: Store
    vault: Mapping[Ecosystem, Vault]
    runtime: LocalRuntime
    mirror: Mirror
    shelf: TreeShelf

    @classmethod
    def of(cls, layout: Layout, settings: Settings) -> "Parts":
        store = Store(layout.store)
        vault = {ecosystem: Vault(ecosystem, FileBox(layout.vault, ecosystem.value)) for ecosystem in Ecosystem}
        runtime = LocalRuntime(layout, settings, partial(secret_values, vault))
        mirror = Mirror(layout.repositories)
        shelf = TreeShelf(
            commits=mirror,
            read=read_definition,
            artifacts=layout.artifacts,
            exports=layout.exports,
            seals=layout.seals,
            toolchain=toolchain.version(),
        )
        return cls(layout=layout, store=store, vault=vault, runtime=runtime, mirror=mirror, shelf=shelf)

    def controller(self) -> Controller:
        return Controller(
            store=self.store,
            runtime=self.runtime,
            shelf=self.shelf,
            judge=PlainJudge(),
            new_id=new_id,
            free=free,
            vault=self.vault,
            probing=Rhythm(),
        )

    def office(self, controller: Controller, ticker: Ticker) -> Office:
        return Office(
            store=self.store,
            latest=lambda: controller.latest,
            wake=ticker.wake,
            mirror=self.mirror,
            vault=self.vault,
            runtime=self.runtime,
            now=now,
            new_id=new_id,
            holdings=lambda: (*self.runtime.holdings(), *self.own()),
            jobs=lambda: controller.jobs,
            intact=self.shelf.intact,
            hindered=lambda: ticker.hindered,
        )

    def reception(self, controller: Controller, ticker: Ticker) -> Reception:
        return Reception(
            store=self.store,
            latest=lambda: controller.latest,
            wake=ticker.wake,
            doorway=Doorway(self.layout),
            now=now,
            new_id=new_id,
        )

    def own(self) -> tuple[Holding, ...]:
        """What the core itself holds."""
        store = self.layout.store
        at = datetime.fromtimestamp(store.stat().st_mtime, UTC)
        files = (store.with_name(store.name + suffix) for suffix in ("", "-wal", "-shm"))
        size = sum(path.stat().st_blocks * 512 for path in files if path.exists())
        commits = (
            Holding(kind=HoldingKind.REPOSITORY, name=name, service=name, bytes=bytes, at=at)
            for name, bytes in self.mirror.sizes().items()
        )
        return (Holding(kind=HoldingKind.STORE, name=store.name, bytes=size, at=at), *commits, *self.shelf.holdings())


def serve(layout: Layout) -> int:
    """Build the parts, tick and serve until told to stop."""
    settings = Settings.read(layout.state / "settings.json")
    parts = Parts.of(layout, settings)
    controller = parts.controller()
    ticker = Ticker(controller, now)
    listening = api_socket(layout.api)
    app = create_app(parts.office(controller, ticker))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    upkeep = Upkeep(parts.mirror, Bounds().every)
    # The epoch is above every one the runtime knows: we alone hold the lock, so nobody of an older one is alive.
    ticker.start(parts.runtime.highest, stop=partial(setattr, server, "should_exit", True))
    upkeep.start()
    parts.reception(controller, ticker).open(api_socket(layout.visits))
    log.info("controller of %s, epoch %s", settings.name, parts.store.epoch)
    server.run(sockets=[listening])
    upkeep.end()
    ticker.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
