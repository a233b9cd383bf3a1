"""What each Envoy starts from: the ecosystems' and the edge's."""

import json
import os
from pathlib import Path

from twinstage.model.names import Place
from twinstage.runtime.local.envoy import bootstrap as envoy
from twinstage.runtime.local.envoy import discovery
from twinstage.runtime.local.files import write
from twinstage.runtime.local.layout import SOCKETS, Layout

PROGRAM = "/opt/envoy"
"""Where a sandbox has it."""
WORKERS = 2
"""Envoy's workers."""


def command(bootstrap: str) -> list[str]:
    """``bootstrap``: the file that it starts from, as its sandbox sees it."""
    return envoy.command(Path(PROGRAM), Path(bootstrap), concurrency=WORKERS)


def write_place(layout: Layout, place: Place, core: int) -> None:
    """``core``: the account of the controller, here and below."""
    told = envoy.bootstrap(
        node=str(place),
        admin_socket=f"{SOCKETS}/envoy.sock",
        concurrency=WORKERS,
        **envoy.asking(f"{SOCKETS}/discovery.sock"),
    )
    here = layout.desired(place) / "envoy"
    write(here / "bootstrap.json", json.dumps(told))
    _nothing_yet(here, core)


def write_edge(layout: Layout, core: int) -> None:
    told = envoy.bootstrap(
        node="edge", admin_socket=f"{SOCKETS}/api/edge.sock", concurrency=WORKERS, **envoy.following("/edge")
    )
    write(layout.edge / "bootstrap.json", json.dumps(told))
    _nothing_yet(layout.edge, core)
    _give(layout.edge / "bootstrap.json", core)


def _nothing_yet(directory: Path, core: int) -> None:
    """Envoy refuses to start without its files: empty sets until the controller writes them."""
    for name in ("lds.json", "cds.json"):
        if not (directory / name).exists():
            write(directory / name, json.dumps(discovery.response([])))
            _give(directory / name, core)


def _give(path: Path, core: int) -> None:
    """Written by root, read and replaced by the controller."""
    if os.geteuid() == 0:
        os.chown(path, core, -1)
