"""The edge's files: every frontend of both ecosystems on the host's 127.0.0.1."""

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
