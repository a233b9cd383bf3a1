"""The directories of a company on this machine, who owns each, and where each appears inside sandboxes."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twinstage.model.names import Ecosystem, Place
from twinstage.runtime.local.places import Places

DESIRED, STATE, SOCKETS, ARTIFACTS, EXPORTS, PINS = (
    "/desired",
    "/state",
    "/sockets",
    "/artifacts",
    "/exports",
    "/run/ns",
)
"""Where a place's directories appear inside its sandbox."""

OUTSIDE = "outside"
"""The core's program that carries outside names, its directory, and that of its sockets in an ecosystem's."""

COMPANY = "/company"
"""Where the controller sees the company's state."""

SANDBOXES = (Place.PRODUCTION, Place.STAGING, Place.WORKSHOP)


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Who the processes are to the machine: fixed unused numbers under root, the one account of an ordinary user otherwise."""

    production: int
    staging: int
    core: int
    workshop: int

    @staticmethod
    def present() -> "Accounts":
        """TWINSTAGE_ACCOUNTS_FROM moves the four numbers where a machine uses these."""
        if os.geteuid() != 0:
            me = os.geteuid()
            return Accounts(production=me, staging=me, core=me, workshop=me)
        first = int(os.environ.get("TWINSTAGE_ACCOUNTS_FROM", "64101"))
        return Accounts(production=first, staging=first + 1, core=first + 2, workshop=first + 3)

    def of(self, place: Place) -> int:
        return {Place.PRODUCTION: self.production, Place.STAGING: self.staging, Place.WORKSHOP: self.workshop}[place]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Paths as one process sees them: the host, or the controller in the core's sandbox."""

    state: Path
    sockets: Path

    @staticmethod
    def on_host(places: Places) -> "Layout":
        return Layout(state=places.state, sockets=places.sockets)

    def desired(self, place: Place) -> Path:
        """What the controller wants of the place. It writes, the place reads."""
        return self.state / place / "desired"

    def kept(self, place: Place) -> Path:
        """What the place brings forth: logs, results, crossings. It writes, the controller reads."""
        return self.state / place / "state"

    def doors(self, place: Place) -> Path:
        """The Unix sockets of the place."""
        return self.sockets / place

    @property
    def artifacts(self) -> Path:
        return self.state / "artifacts"

    @property
    def exports(self) -> Path:
        return self.state / "exports"

    @property
    def seals(self) -> Path:
        return self.state / "seals"

    @property
    def keys(self) -> Path:
        """What database passwords are derived from: the controller's alone."""
        return self.state / "keys"

    @property
    def vault(self) -> Path:
        """Values of secrets and the keys to them: mounted nowhere but in the controller's sandbox."""
        return self.state / "vault"

    @property
    def repositories(self) -> Path:
        return self.state / "repositories"

    @property
    def store(self) -> Path:
        return self.state / "store" / "store.sqlite"

    @property
    def edge(self) -> Path:
        """Configuration and log of the edge proxy."""
        return self.state / "edge"

    @property
    def outside(self) -> Path:
        """Which outside names are carried for each ecosystem, and how that went."""
        return self.state / OUTSIDE

    @property
    def core(self) -> Path:
        """The core supervisor's own configuration and logs."""
        return self.state / "core"

    @property
    def api(self) -> Path:
        return self.sockets / "api" / "api.sock"

    @property
    def visits(self) -> Path:
        """Where commands in instances are asked for: beside the API's socket, open to whom that is."""
        return self.api.with_name("exec.sock")

    @property
    def packages(self) -> Path:
        return self.sockets / "packages" / "proxy.sock"


def place_of(ecosystem: Ecosystem) -> Place:
    return Place(ecosystem.value)


@dataclass(frozen=True, kw_only=True)
class Directory:
    path: Path
    owner: int
    group: int
    mode: int


def directories(layout: Layout, accounts: Accounts) -> Iterator[Directory]:
    """Every directory that must exist before anything starts, parents first.

    What a place writes belongs to its account and the core's group, and the reverse: setgid carries the group to every file
    made there, so neither ever needs to give files away. Nothing is open to others except the artifacts' own files, whose
    parent is closed to all but the core (sandboxes get theirs bound by who starts them).
    """
    core, me = accounts.core, os.geteuid()
    # What holds the others belongs to whoever started it: under root no account can put something else in their place,
    # so what root reads and binds is what root made. Accounts only pass through; from outside nobody does.
    through = 0o711 if me == 0 else 0o700
    for top in (layout.state, layout.sockets, *(layout.state / place for place in SANDBOXES)):
        yield Directory(path=top, owner=me, group=os.getegid(), mode=through)
    for private in ("store", "repositories", "seals", "keys", "vault", "edge"):
        yield Directory(path=layout.state / private, owner=core, group=core, mode=0o700)
    for below in ("rds", "eds", "log"):
        yield Directory(path=layout.edge / below, owner=core, group=core, mode=0o700)
    for path in (layout.outside, layout.outside / "log"):
        yield Directory(path=path, owner=core, group=core, mode=0o700)
    yield Directory(path=layout.core, owner=me, group=os.getegid(), mode=0o700)
    yield Directory(path=layout.sockets / "core", owner=me, group=os.getegid(), mode=0o700)
    yield Directory(path=layout.api.parent, owner=core, group=core, mode=0o700)
    workshop = accounts.workshop
    yield Directory(path=layout.packages.parent, owner=core, group=workshop, mode=0o2750)
    yield Directory(path=layout.exports, owner=core, group=core, mode=0o755)
    yield Directory(path=layout.artifacts, owner=workshop, group=core, mode=0o2755)
    yield Directory(path=layout.state / "caches", owner=workshop, group=workshop, mode=0o700)
    for place in SANDBOXES:
        yield from _of_place(layout, place, accounts)


def _of_place(layout: Layout, place: Place, accounts: Accounts) -> Iterator[Directory]:
    """What the controller wants of a place is the core's to write, what the place brings forth its own."""
    core, account = accounts.core, accounts.of(place)
    yield Directory(path=layout.desired(place), owner=core, group=account, mode=0o2750)
    for below in (
        "programs",
        "wires",
        "instances",
        "workloads",
        "routes",
        "jobs",
        "envoy",
        "envoy/rds",
        "envoy/eds",
        "envoy/ecds",
    ):
        yield Directory(path=layout.desired(place) / below, owner=core, group=account, mode=0o2750)
    yield Directory(path=layout.kept(place), owner=account, group=core, mode=0o2750)
    for below in ("logs", "jobs", "proxy"):
        yield Directory(path=layout.kept(place) / below, owner=account, group=core, mode=0o2750)
    if place is not Place.WORKSHOP:
        yield Directory(path=layout.kept(place) / "database", owner=account, group=core, mode=0o700)
    yield Directory(path=layout.doors(place), owner=account, group=core, mode=0o2770)
    yield Directory(path=layout.doors(place) / "edge", owner=account, group=core, mode=0o2770)
    if place is not Place.WORKSHOP:  # the core makes its sockets there, the ecosystem's proxy connects to them
        yield Directory(path=layout.doors(place) / OUTSIDE, owner=core, group=account, mode=0o2750)


def make(directory: Directory) -> None:
    """Make it, or mend its owner and mode. Refuses a link or a stranger's directory in its place."""
    directory.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        directory.path.mkdir(mode=0o700)
    except FileExistsError:
        found = directory.path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(f"cannot use {directory.path}: it is not a directory; move it away") from None
    handle = os.open(directory.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = os.fstat(handle)
        if os.geteuid() != 0 and found.st_uid != os.geteuid():
            raise PermissionError(f"cannot use {directory.path}: it belongs to user {found.st_uid}; move it away")
        if (found.st_uid, found.st_gid) != (directory.owner, directory.group) and os.geteuid() == 0:
            os.fchown(handle, directory.owner, directory.group)
        if stat.S_IMODE(found.st_mode) != directory.mode:
            os.fchmod(handle, directory.mode)
    finally:
        os.close(handle)
