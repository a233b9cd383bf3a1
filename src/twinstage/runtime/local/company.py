"""What `up` writes for one company before anything starts: fixed files of each sandbox, and how to start each of them."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from twinstage.model.names import Place
from twinstage.runtime.local import ways
from twinstage.runtime.local.doorway import DOORMAN
from twinstage.runtime.local.envoy import binary, discovery
from twinstage.runtime.local.envoy import bootstrap as envoy
from twinstage.runtime.local.files import write
from twinstage.runtime.local.gives import NICE
from twinstage.runtime.local.layout import (
    ARTIFACTS,
    COMPANY,
    DESIRED,
    EXPORTS,
    OUTSIDE,
    SANDBOXES,
    SOCKETS,
    STATE,
    Accounts,
    Layout,
)
from twinstage.runtime.local.postgres.binaries import binaries
from twinstage.runtime.local.postgres.server import DOOR
from twinstage.runtime.local.sandbox import arguments, filter, launch, scripts, toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor import configuration

CACHES = "/caches"
WORKERS = 2
"""Envoy's workers."""
_FILES = ("--desired", DESIRED, "--state", STATE)
_HERE = "twinstage.runtime.local.sandbox"


class Company:
    """One company's sandboxes on this machine."""

    def __init__(self, layout: Layout, accounts: Accounts, settings: Settings) -> None:
        self._layout, self._accounts, self._settings = layout, accounts, settings
        self._system, self._links = toolchain.system()
        self._links = [*self._links, *toolchain.tool_links()]

    def prepare(self, allowed: Sequence[str], programs: Sequence[str]) -> None:
        """Every fixed file and start specification. ``allowed``: hosts that builds may fetch packages from;
        ``programs``: which of the core's programs run."""
        for place in SANDBOXES:
            self._place_files(place)
            self._spec(str(place), *self._place(place))
        self._edge_files()
        self._spec("edge", *self._edge())
        python = self._settings.python
        self._way("packages", ways.packages(self._layout, python, allowed))
        self._way(OUTSIDE, ways.outside(self._layout, python))
        self._spec("controller", *self._controller())
        self._core_supervisor(programs)

    def _spec(
        self, name: str, account: int, binds: Sequence[Bind], options: Sequence[str], command: Sequence[str]
    ) -> None:
        become = account if os.geteuid() == 0 else None
        place = Place(name) if name in set(SANDBOXES) else None
        cpu = self._settings.gives.cpu
        calm = launch.Calm(nice=NICE[place], group=f"{cpu}/{place}" if cpu else None) if place else None
        write(self._layout.core / f"{name}.json", launch.spec(become, binds, options, command, calm), 0o600)

    def _way(self, name: str, way: ways.Way) -> None:
        """A program of the core that reaches the world."""
        binds = [*self._system, *toolchain.tools(), *toolchain.ours(), *way.binds]
        self._spec(name, self._accounts.core, binds, self._core(name, way.environment), way.command)

    # ------------------------------------------------------------------------------------------- ecosystems, workshop

    def _place_files(self, place: Place) -> None:
        desired = self._layout.desired(place)
        filter.write(desired / "filter.bpf")
        write(desired / "launch", scripts.launch(str(toolchain.bwrap())))
        write(desired / "init", scripts.init())
        door, programs = f"{SOCKETS}/supervisor.sock", f"{DESIRED}/programs/*.conf"
        conf = configuration.main(socket=door, state=STATE, include=programs)
        parts = [self._sweeper(place), self._warden(place)]
        if place is not Place.WORKSHOP:
            keep = ["--socket", f"{SOCKETS}/lockbox.sock", "--keep", scripts.SECRETS]
            parts += [self._ours("sentinel", [*_FILES, "--socket", f"{SOCKETS}/sentinel.sock"], 1)]
            parts += [self._discovery(place), self._ours("lockbox", keep, 1), self._proxy(place)]
            enter = ["--desired", DESIRED, "--socket", f"{SOCKETS}/{DOORMAN}.sock"]
            parts.append(self._ours(DOORMAN, enter, 3, on_demand=True))
        conf = "\n".join([conf, *parts])
        write(desired / "supervisord.conf", conf)

    def _place(self, place: Place) -> tuple[int, list[Bind], list[str], list[str]]:
        layout, shop = self._layout, place is Place.WORKSHOP
        binds = [
            *self._system,
            *toolchain.tools(),
            *toolchain.ours(),
            Bind(source=str(layout.desired(place)), target=DESIRED),
            Bind(source=str(layout.kept(place)), target=STATE, writable=True),
            Bind(source=str(layout.doors(place)), target=SOCKETS, writable=True),
            Bind(source=str(layout.artifacts), target=ARTIFACTS, writable=shop),
            Bind(source=str(layout.exports), target=EXPORTS),
            *self._postgres(),
        ]
        for kind, group in (("memory", self._settings.gives.memory), ("cpu", self._settings.gives.cpu)):
            if group:
                binds.append(Bind(source=f"{group}/{place}", target=f"{scripts.GROUPS}/{kind}", writable=True))
        if shop:
            binds.append(Bind(source=str(layout.state / "caches"), target=CACHES, writable=True))
            binds.append(Bind(source=str(layout.packages.parent), target=ways.PACKAGES))
            binds += self._settings.build_binds()
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": toolchain.search_path(),
        }
        options = arguments.outer(links=self._links, environment=environment, hostname=str(place))
        command = [self._settings.python, "-m", "twinstage.inside.supervisord", "-c", f"{DESIRED}/supervisord.conf"]
        return self._accounts.of(place), binds, options, command

    def _postgres(self) -> list[Bind]:
        """Installed programs that ecosystem.yaml names; the wheel's are in our own environment."""
        configured = self._settings.postgres
        return [replace(b, target=b.source) for b in binaries(configured).binds] if configured else []

    def _ours(self, name: str, arguments: Sequence[str], priority: int, on_demand: bool = False) -> str:
        """A program of ours inside the place, outside every instance."""
        command = [self._settings.python, "-m", f"twinstage.inside.{name}", *arguments]
        log = f"{STATE}/logs/{name}.log"
        return configuration.program(name, command, log=log, priority=priority, on_demand=on_demand)

    def _warden(self, place: Place) -> str:
        kill = ["--kill"] if self._settings.gives.data else []
        return self._ours("warden", [*_FILES, "--nice", str(NICE[place]), *kill], 3)

    def _sweeper(self, place: Place) -> str:
        told = [*_FILES, "--socket", f"{SOCKETS}/sweeper.sock"]
        if place is Place.WORKSHOP:
            told += ["--artifacts", ARTIFACTS, "--caches", CACHES]
        else:
            told += ["--admin", f"{SOCKETS}/envoy.sock"]
            told += ["--psql", f"{binaries(self._settings.postgres).here}/psql", "--door", DOOR]
        return self._ours("sweeper", told, 3)

    def _discovery(self, place: Place) -> str:
        """Reads its files to the ecosystem's Envoy; it sees those alone, and has no capability."""
        binds = [
            *self._system,
            *toolchain.tools(),
            *toolchain.ours(),
            Bind(source=f"{DESIRED}/envoy", target=f"{DESIRED}/envoy"),
            Bind(source=SOCKETS, target=SOCKETS, writable=True),
        ]
        command = [self._settings.python, "-m", "twinstage.inside.discovery"]
        command += ["--files", f"{DESIRED}/envoy", "--socket", f"{SOCKETS}/discovery.sock"]
        return self._part("discovery", place, binds, {"PYTHONPATH": toolchain.search_path()}, command)

    def _proxy(self, place: Place) -> str:
        """The ecosystem's Envoy, in a sandbox that leaves it no capability; it keeps the ecosystem's network."""
        here = self._layout.desired(place)
        told = envoy.bootstrap(
            node=str(place),
            admin_socket=f"{SOCKETS}/envoy.sock",
            concurrency=WORKERS,
            **envoy.asking(f"{SOCKETS}/discovery.sock"),
        )
        write(here / "envoy" / "bootstrap.json", json.dumps(told))
        self._nothing_yet(here / "envoy")
        binds = [
            *self._system,
            Bind(source=str(binary.path()), target="/opt/envoy"),
            Bind(source=f"{DESIRED}/envoy", target=f"{DESIRED}/envoy"),
            Bind(source=SOCKETS, target=SOCKETS, writable=True),
            Bind(source=f"{STATE}/proxy", target=f"{STATE}/proxy", writable=True),
        ]
        command = envoy.command(Path("/opt/envoy"), Path(f"{DESIRED}/envoy/bootstrap.json"), concurrency=WORKERS)
        first = scripts.before_proxy(envoy.descriptors())
        return self._part("proxy", place, binds, {}, command, alone=False, first=first)

    def _part(
        self,
        name: str,
        place: Place,
        binds: Sequence[Bind],
        environment: Mapping[str, str],
        command: Sequence[str],
        *,
        alone: bool = True,
        first: str = "",
    ) -> str:
        """A program of the ecosystem's own, in a sandbox that leaves it no capability. ``first``: shell to run before it."""
        here = self._layout.desired(place)
        options = arguments.inner(
            binds=binds, links=self._links, environment=environment, hostname=str(place), directory="/", alone=alone
        )
        instance = here / "instances" / name
        instance.mkdir(mode=0o750, exist_ok=True)
        write(instance / "arguments", "".join(f"{word}\0" for word in options))
        write(here / name, scripts.part(str(toolchain.bwrap()), name, command, first))
        return configuration.program(
            name, ["/bin/sh", f"{DESIRED}/{name}"], log=f"{STATE}/logs/{name}.log", priority=2, stop_seconds=5
        )

    # ---------------------------------------------------------------------------------------------------------- core

    def _core(self, name: str, environment: Mapping[str, str]) -> list[str]:
        return arguments.core(
            links=self._links,
            environment={
                "PATH": "/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "PYTHONPATH": toolchain.search_path(),
                **environment,
            },
            hostname=name,
            account=self._accounts.core,
        )

    def _edge_files(self) -> None:
        told = envoy.bootstrap(
            node="edge", admin_socket=f"{SOCKETS}/api/edge.sock", concurrency=WORKERS, **envoy.following("/edge")
        )
        write(self._layout.edge / "bootstrap.json", json.dumps(told))
        self._nothing_yet(self._layout.edge)
        self._give(self._layout.edge / "bootstrap.json")

    def _nothing_yet(self, directory: Path) -> None:
        """Envoy refuses to start without its files: empty sets until the controller writes them."""
        for name in ("lds.json", "cds.json"):
            if not (directory / name).exists():
                write(directory / name, json.dumps(discovery.response([])))
                self._give(directory / name)

    def _give(self, path: Path) -> None:
        """Written by root, read and replaced by the controller."""
        if os.geteuid() == 0:
            os.chown(path, self._accounts.core, -1)

    def _edge(self) -> tuple[int, list[Bind], list[str], list[str]]:
        layout = self._layout
        binds = [
            *self._system,
            Bind(source=str(binary.path()), target="/opt/envoy"),
            Bind(source=str(layout.edge), target="/edge", writable=False),
            Bind(source=str(layout.edge / "log"), target="/edge/log", writable=True),
            Bind(source=str(layout.api.parent), target=f"{SOCKETS}/api", writable=True),
        ]
        for place in (Place.PRODUCTION, Place.STAGING):
            binds.append(Bind(source=str(layout.doors(place) / "edge"), target=f"{SOCKETS}/{place}"))
        command = envoy.command(Path("/opt/envoy"), Path("/edge/bootstrap.json"), concurrency=WORKERS)
        return self._accounts.core, binds, self._core("edge", {}), command

    def _controller(self) -> tuple[int, list[Bind], list[str], list[str]]:
        binds = [
            *self._system,
            *toolchain.tools(),
            *toolchain.ours(),
            Bind(source=str(self._layout.state), target=COMPANY, writable=True),
            Bind(source=str(self._layout.sockets), target="/doors", writable=True),
        ]
        command = [self._settings.python, "-m", "twinstage.daemon", "--state", COMPANY, "--sockets", "/doors"]
        return self._accounts.core, binds, self._core("controller", {}), command

    def _core_supervisor(self, wanted: Sequence[str]) -> None:
        """The one process that may be root's: its programs are fixed here, and nobody but its user can speak to it."""
        core, python = self._layout.core, self._settings.python
        conf = configuration.main(
            socket=str(self._layout.sockets / "core" / "supervisor.sock"),
            state=str(core),
            include=str(core / "programs.conf"),
            mode="0600",
        )
        write(core / "supervisord.conf", conf, 0o600)
        environment = [("PYTHONPATH", toolchain.search_path()), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")]
        programs = []
        for name in wanted:
            kept = name in set(SANDBOXES)
            if kept:
                command = [python, "-m", f"{_HERE}.keeper", f"{core}/{name}.json", f"{core}/{name}.pid"]
            else:
                command = [python, "-m", f"{_HERE}.launch", f"{core}/{name}.json"]
            text = configuration.program(
                name,
                command,
                log=f"{core}/{name}.log",
                priority=1 if kept else 2,
                stop_seconds=25 if kept else 5,
                environment=environment,
            )
            programs.append(text)
        write(core / "programs.conf", "\n".join(programs), 0o600)
