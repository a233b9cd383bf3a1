"""The edge's files: every frontend of both ecosystems on the host's 127.0.0.1."""

import json
import socket

from twinstage.model.names import Ecosystem
from twinstage.runtime.local.envoy import discovery
from twinstage.runtime.local.envoy import edge as envoy
from twinstage.runtime.local.layout import SOCKETS, Layout, place_of
from twinstage.runtime.local.ledger import Ports


def write(layout: Layout, ports: Ports) -> None:
    """Clusters before listeners, so that a door never leads nowhere."""
    doors = [
        envoy.Door(
            ecosystem=ecosystem,
            service=service,
            port=ports.frontend(service, ecosystem),
            socket=f"{SOCKETS}/{place_of(ecosystem)}/{service}.sock",
        )
        for service in ports.services
        for ecosystem in Ecosystem
    ]
    discovery.write(layout.edge / "cds.json", envoy.clusters(doors))
    discovery.write(layout.edge / "lds.json", envoy.listeners(doors))


def taken(layout: Layout) -> list[str]:
    """Frontend ports of the company on which somebody else listens; asked while its own edge does not run."""
    found = []
    for ecosystem in Ecosystem:
        told = layout.desired(place_of(ecosystem)) / "ports.json"
        services = json.loads(told.read_text())["services"] if told.exists() else {}
        for service, ports in services.items():
            if not _free(ports[ecosystem]["frontend"]):
                found.append(f"{ports[ecosystem]['frontend']} ({service} in {ecosystem})")
    return found


def _free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections may still be closing there
        try:
            trial.bind((envoy.HOST, port))
        except OSError:
            return False
    return True
