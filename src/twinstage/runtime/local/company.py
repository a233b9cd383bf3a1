"""What `up` writes for one company before anything starts: fixed files of each sandbox, and how to start each of them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from twinstage.model.names import Place
from twinstage.runtime.local import proxies, ways
from twinstage.runtime.local.envoy import binary
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
from twinstage.runtime.local.parts import CACHES, Parts
from twinstage.runtime.local.postgres.binaries import binaries
from twinstage.runtime.local.sandbox import arguments, launch, scripts, toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor import configuration

_HERE = "twinstage.runtime.local.sandbox"


class Company:
    """One company's sandboxes on this machine."""

    def __init__(self, layout: Layout, accounts: Accounts, settings: Settings) -> None:
        self._layout, self._accounts, self._settings = layout, accounts, settings
        self._system, links = toolchain.system()
        self._links = [*links, *toolchain.tool_links()]

    def prepare(self, allowed: Sequence[str], programs: Sequence[str]) -> None:
        """Every fixed file and start specification. ``allowed``: hosts that builds may fetch packages from;
        ``programs``: which of the core's programs run."""
        parts = Parts(self._layout, self._accounts, self._settings)
        for place in SANDBOXES:
            parts.write(place)
            self._spec(str(place), *self._place(place))
        proxies.write_edge(self._layout, self._accounts.core)
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

    def _edge(self) -> tuple[int, list[Bind], list[str], list[str]]:
        layout = self._layout
        binds = [
            *self._system,
            Bind(source=str(binary.path()), target=proxies.PROGRAM),
            Bind(source=str(layout.edge), target="/edge", writable=False),
            Bind(source=str(layout.edge / "log"), target="/edge/log", writable=True),
            Bind(source=str(layout.api.parent), target=f"{SOCKETS}/api", writable=True),
        ]
        for place in (Place.PRODUCTION, Place.STAGING):
            binds.append(Bind(source=str(layout.doors(place) / "edge"), target=f"{SOCKETS}/{place}"))
        command = proxies.command("/edge/bootstrap.json")
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
