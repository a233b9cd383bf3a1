"""How the probe of the boundary stands: as an instance does, with a wire, and with a list of what there is to reach. Pure but for
the machine's own addresses."""

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import psutil

import twinstage.inside.probe
from twinstage.model.job import Job
from twinstage.model.names import Ecosystem, Place
from twinstage.runtime.local import instance
from twinstage.runtime.local.layout import ARTIFACTS, DESIRED, EXPORTS, PINS, SANDBOXES, SOCKETS, STATE, Layout
from twinstage.runtime.local.ledger import Ledger
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.postgres.names import PORTS
from twinstage.runtime.local.postgres.server import DOOR
from twinstage.runtime.local.sandbox import scripts, toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind
from twinstage.runtime.local.settings import Settings

_LIBRARY = "/opt/twinstage/lib"
_PROGRAM = f"{_LIBRARY}/twinstage/inside/probe"
_TARGETS = "targets.json"
_DOORS = ("supervisor.sock", "envoy.sock", "discovery.sock", "sentinel.sock", "sweeper.sock")
_MOST = 64
"""Ports, neighbours and services that are told of: it tries no more of them."""


def stand(job: Job, name: str, ledger: Ledger, layout: Layout, settings: Settings) -> instance.Stand:
    """The probe sees its own program, read-only as an instance its artifact, and nothing else besides."""
    binds = [
        *instance.seen(name),
        Bind(source=str(Path(twinstage.inside.probe.__file__).resolve().parent), target=_PROGRAM),
    ]
    environment = {**instance.common(None), "PYTHONPATH": _LIBRARY, "PYTHONDONTWRITEBYTECODE": "1"}
    command = f"exec {toolchain.BIN}/python3 -m twinstage.inside.probe {scripts.INSIDE}/{_TARGETS}"
    limits = instance.of_a_job(job, settings)
    made = instance.stand(binds, environment, str(job.service), "/", command, alone=False, standing=limits)
    told = targets(Ecosystem(job.place.value), ledger, layout, machine())
    return replace(made, files={**made.files, _TARGETS: json.dumps(told)})


def targets(ecosystem: Ecosystem, ledger: Ledger, layout: Layout, own: Iterable[str]) -> Mapping[str, object]:
    """``own``: the machine's addresses."""
    services = ledger.ports.services
    across = [port for both in services.values() for port in both[ecosystem.other]]
    undeclared = [both[ecosystem][0] for both in services.values()]
    neighbours = [
        (addresses.address(record.slot, number), record.workload.backend)
        for record in ledger.workloads.values()
        for number in range(record.workload.replicas)
    ]
    return {
        "ecosystem": ecosystem.value,
        "gateway": addresses.GATEWAY,
        "across": [PORTS[ecosystem.other], *across][:_MOST],
        "undeclared": [PORTS[ecosystem], *undeclared][:_MOST],
        "neighbours": neighbours[:_MOST],
        "machine": [address for address in own if ":" not in address],
        "machine6": [address for address in own if ":" in address],
        "sockets": _sockets(layout),
        "files": _files(layout),
        "sealed": [_PROGRAM, f"{_PROGRAM}/__main__.py", scripts.INSIDE, f"{scripts.INSIDE}/run", "/opt/twinstage/bin"],
        "names": list(services)[:_MOST],
    }


def machine() -> list[str]:
    """Every address that the machine has besides loopback, IPv4 first."""
    found = [link for links in psutil.net_if_addrs().values() for link in links]
    four = [link.address for link in found if link.family == socket.AF_INET and not link.address.startswith("127.")]
    six = [link.address.partition("%")[0] for link in found if link.family == socket.AF_INET6 and link.address != "::1"]
    return [*sorted(set(four)), *sorted(set(six))]


def _sockets(layout: Layout) -> list[str]:
    """As the ecosystem sees them, and as whoever sees the company does."""
    here = [f"{SOCKETS}/{door}" for door in _DOORS] + [f"{DOOR}/.s.PGSQL.5432", f"{SOCKETS}/api/api.sock"]
    there = [str(layout.doors(place) / door) for place in SANDBOXES for door in _DOORS]
    core = [str(layout.sockets / "core" / "supervisor.sock"), str(layout.api), str(layout.packages)]
    return [*here, *there, *core]


def _files(layout: Layout) -> list[str]:
    here = [DESIRED, STATE, SOCKETS, ARTIFACTS, EXPORTS, PINS, DOOR, f"{DESIRED}/instances", f"{STATE}/logs"]
    there = [
        str(path) for place in (Place.PRODUCTION, Place.STAGING) for path in (layout.kept(place), layout.desired(place))
    ]
    core = (layout.state, layout.sockets, layout.store, layout.keys, layout.vault)
    return [*here, *there, *map(str, core)]
