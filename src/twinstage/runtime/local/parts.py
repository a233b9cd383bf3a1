"""What runs in each place outside every instance and job: fixed programs of ours, as the place's supervisord is told of them."""

from collections.abc import Mapping, Sequence

from twinstage.model.names import Place
from twinstage.runtime.local import proxies
from twinstage.runtime.local.doorway import DOORMAN
from twinstage.runtime.local.envoy import binary
from twinstage.runtime.local.envoy import bootstrap as envoy
from twinstage.runtime.local.files import write
from twinstage.runtime.local.gives import NICE
from twinstage.runtime.local.layout import ARTIFACTS, DESIRED, SOCKETS, STATE, Accounts, Layout
from twinstage.runtime.local.postgres.binaries import binaries
from twinstage.runtime.local.postgres.server import DOOR
from twinstage.runtime.local.sandbox import arguments, filter, scripts, toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind
from twinstage.runtime.local.settings import Settings
from twinstage.runtime.local.supervisor import configuration

CACHES = "/caches"
_FILES = ("--desired", DESIRED, "--state", STATE)


class Parts:
    """One company's, in all its places."""

    def __init__(self, layout: Layout, accounts: Accounts, settings: Settings) -> None:
        self._layout, self._accounts, self._settings = layout, accounts, settings
        self._system, links = toolchain.system()
        self._links = [*links, *toolchain.tool_links()]

    def write(self, place: Place) -> None:
        """The scripts and the filter that every sandbox there starts with, and supervisord's configuration."""
        desired = self._layout.desired(place)
        filter.write(desired / "filter.bpf")
        write(desired / "launch", scripts.launch(str(toolchain.bwrap())))
        door, programs = f"{SOCKETS}/supervisor.sock", f"{DESIRED}/programs/*.conf"
        conf = configuration.main(socket=door, state=STATE, include=programs)
        parts = [self._sweeper(place), self._warden(place)]
        if place is not Place.WORKSHOP:
            keep = ["--socket", f"{SOCKETS}/lockbox.sock", "--keep", scripts.SECRETS]
            parts += [self._ours("sentinel", [*_FILES, "--socket", f"{SOCKETS}/sentinel.sock"], 1)]
            parts += [self._discovery(place), self._ours("lockbox", keep, 1), self._proxy(place)]
            enter = ["--desired", DESIRED, "--socket", f"{SOCKETS}/{DOORMAN}.sock"]
            parts.append(self._ours(DOORMAN, enter, 3, on_demand=True))
        write(desired / "supervisord.conf", "\n".join([conf, *parts]))

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
        proxies.write_place(self._layout, place, self._accounts.core)
        binds = [
            *self._system,
            Bind(source=str(binary.path()), target=proxies.PROGRAM),
            Bind(source=f"{DESIRED}/envoy", target=f"{DESIRED}/envoy"),
            Bind(source=SOCKETS, target=SOCKETS, writable=True),
            Bind(source=f"{STATE}/proxy", target=f"{STATE}/proxy", writable=True),
        ]
        command = proxies.command(f"{DESIRED}/envoy/bootstrap.json")
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
