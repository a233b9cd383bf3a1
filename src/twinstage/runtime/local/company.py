"""What `up` writes for one company before anything starts: fixed files of each sandbox, and how to start each of them."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from twinstage.model.names import Place
from twinstage.runtime.local.envoy import binary, discovery
from twinstage.runtime.local.envoy import bootstrap as envoy
from twinstage.runtime.local.files import write
from twinstage.runtime.local.layout import (
    ARTIFACTS,
    DESIRED,
    EXPORTS,
    SANDBOXES,
    SOCKETS,
    STATE,
    Accounts,
    Layout,
)
from twinstage.runtime.local.sandbox import arguments, filter, launch, scripts, toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor import configuration

CACHES, PACKAGES = "/caches", "/packages"
WORKERS = 2
"""Envoy's workers."""
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
        self._spec("packages", *self._packages(allowed))
        self._spec("controller", *self._controller())
        self._core_supervisor(programs)

    def _spec(
        self, name: str, account: int, binds: Sequence[Bind], options: Sequence[str], command: Sequence[str]
    ) -> None:
        become = account if os.geteuid() == 0 else None
        write(self._layout.core / f"{name}.json", launch.spec(become, binds, options, command), 0o600)

    # ------------------------------------------------------------------------------------------- ecosystems, workshop

    def _place_files(self, place: Place) -> None:
        desired = self._layout.desired(place)
        filter.write(desired / "filter.bpf")
        write(desired / "launch", scripts.launch(str(toolchain.bwrap())))
        write(desired / "init", scripts.init())
        conf = configuration.main(
            socket=f"{SOCKETS}/supervisor.sock", state=STATE, include=f"{DESIRED}/programs/*.conf"
        )
        if place is not Place.WORKSHOP:
            conf += "\n" + self._sentinel() + "\n" + self._proxy(place)
        conf += "\n" + self._sweeper(place)
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
        ]
        if shop:
            binds.append(Bind(source=str(layout.state / "caches"), target=CACHES, writable=True))
            binds.append(Bind(source=str(layout.packages.parent), target=PACKAGES))
            binds += self._settings.build_binds()
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": toolchain.search_path(),
        }
        options = arguments.outer(links=self._links, environment=environment, hostname=str(place))
        command = [self._settings.python, "-m", "supervisor.supervisord", "-c", f"{DESIRED}/supervisord.conf"]
        return self._accounts.of(place), binds, options, command

    def _sentinel(self) -> str:
        command = [self._settings.python, "-m", "twinstage.inside.sentinel"]
        command += ["--desired", DESIRED, "--state", STATE, "--socket", f"{SOCKETS}/sentinel.sock"]
        return configuration.program("sentinel", command, log=f"{STATE}/logs/sentinel.log", priority=1)

    def _sweeper(self, place: Place) -> str:
        command = [self._settings.python, "-m", "twinstage.inside.sweeper", "--socket", f"{SOCKETS}/sweeper.sock"]
        command += ["--desired", DESIRED, "--state", STATE]
        if place is Place.WORKSHOP:
            command += ["--artifacts", ARTIFACTS, "--caches", CACHES]
        else:
            command += ["--admin", f"{SOCKETS}/envoy.sock"]
        return configuration.program("sweeper", command, log=f"{STATE}/logs/sweeper.log", priority=3)

    def _proxy(self, place: Place) -> str:
        """The ecosystem's Envoy, in a sandbox that leaves it no capability; it keeps the ecosystem's network."""
        here = self._layout.desired(place)
        told = envoy.bootstrap(
            node=str(place), admin_socket=f"{SOCKETS}/envoy.sock", xds_dir=f"{DESIRED}/envoy", concurrency=WORKERS
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
        options = arguments.inner(
            binds=binds, links=self._links, environment={}, hostname=str(place), directory="/", alone=False
        )
        instance = here / "instances" / "proxy"
        instance.mkdir(mode=0o750, exist_ok=True)
        write(instance / "arguments", "".join(f"{word}\0" for word in options))
        command = envoy.command(Path("/opt/envoy"), Path(f"{DESIRED}/envoy/bootstrap.json"), concurrency=WORKERS)
        write(here / "proxy", scripts.proxy(str(toolchain.bwrap()), command, envoy.descriptors()))
        return configuration.program(
            "proxy", ["/bin/sh", f"{DESIRED}/proxy"], log=f"{STATE}/logs/proxy.log", priority=2, stop_seconds=5
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
            node="edge", admin_socket=f"{SOCKETS}/api/edge.sock", xds_dir="/edge", concurrency=WORKERS
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

    def _packages(self, allowed: Sequence[str]) -> tuple[int, list[Bind], list[str], list[str]]:
        resolving = [
            Bind(source=p, target=p)
            for p in ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
            if Path(p).exists()
        ]
        binds = [
            *self._system,
            *toolchain.tools(),
            *toolchain.ours(),
            *resolving,
            Bind(source=str(self._layout.packages.parent), target=PACKAGES, writable=True),
        ]
        passed = {k: v for k in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy") if (v := os.environ.get(k))}
        command = [self._settings.python, "-m", "twinstage.inside.packages", "--socket", f"{PACKAGES}/proxy.sock"]
        return self._accounts.core, binds, self._core("packages", passed), [*command, "--allow", ",".join(allowed)]

    def _controller(self) -> tuple[int, list[Bind], list[str], list[str]]:
        binds = [
            *self._system,
            *toolchain.tools(),
            *toolchain.ours(),
            Bind(source=str(self._layout.state), target="/company", writable=True),
            Bind(source=str(self._layout.sockets), target="/doors", writable=True),
        ]
        command = [self._settings.python, "-m", "twinstage.daemon", "--state", "/company", "--sockets", "/doors"]
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
