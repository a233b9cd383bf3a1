"""Bring a company up on this machine and take it down. Both are idempotent; both say what they do."""

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence

import httpx

from twinstage.inside.packages import allowed_hosts
from twinstage.model.finding import Finding
from twinstage.model.policy import EcosystemFile
from twinstage.runtime.local import core, edge, groups, lacks, machine, orphans, start
from twinstage.runtime.local.company import Company
from twinstage.runtime.local.core import HostTrouble as HostTrouble  # whoever calls up or down meets it here
from twinstage.runtime.local.layout import SANDBOXES, Accounts, Directory, Layout, directories, make
from twinstage.runtime.local.places import Places
from twinstage.runtime.local.postgres.binaries import NoPostgres, check
from twinstage.runtime.local.sandbox import keeper, toolchain
from twinstage.runtime.local.settings import Settings, package_environment
from twinstage.runtime.local.supervisor.client import Supervisor
from twinstage.runtime.local.troubles import core as ailing
from twinstage.runtime.runtime import Unavailable

Report = Callable[[str], None]

_SCARCE = 16 << 20  # bytes: a build or two from not being able to write a decision
_PATIENCE = 30.0  # seconds for the controller's first answer
_PARTS = ("edge", "packages", "outside", "controller")
"""The core's own. The others are sandboxes, which outlive it."""
PROGRAMS = (*(str(place) for place in SANDBOXES), *_PARTS)


def lacking() -> list[str]:
    """What this machine lacks; empty when a company can be brought up."""
    return machine.lacking()


def up(file: EcosystemFile, report: Report) -> None:
    """Start what does not run yet and return when the controller answers. Raises HostTrouble."""
    found = lacking()
    if found:
        raise HostTrouble("cannot bring up sealed ecosystems on this machine:\n" + "\n".join(f"- {f}" for f in found))
    places = Places.of(file.name)
    layout = Layout.on_host(places)
    if over := places.too_long():
        raise HostTrouble(
            f"cannot bring up {file.name}: its sockets would lie below {places.sockets}, and that is {over} characters longer than"
            " a Unix socket's path may be; set TWINSTAGE_ROOT or XDG_RUNTIME_DIR to a shorter directory"
        )
    with _alone(layout, file.name):
        runs = core.answers(core.supervisor(layout))
        if not runs:
            orphans.end((layout.state, layout.sockets), _PARTS)
        taken = [] if runs else edge.taken(layout)
        if taken:
            raise HostTrouble(
                f"cannot bring up {file.name}: its ports are its services' for good, and in use by somebody else:"
                f" {', '.join(taken)}; stop what listens there (another company: `twinstage down --ecosystem NAME`)"
            )
        report("starting what is missing" if runs else "making the sandboxes of production, staging and the workshop")
        start.forget(layout)
        try:
            make_ready(file.name, layout, PROGRAMS, file.postgres or "")
        except OSError as error:
            raise HostTrouble(f"cannot write the company's files: {error}; is there room on the disk?") from error
        if runs and start.outdated(layout):
            report("restarting the controller: it runs another Twinstage than is installed now; deployments go on")
            core.restart(core.supervisor(layout), "controller")
        report("the sandboxes stand; waiting for the controller")
        _wait_for_api(layout)


def make_ready(name: str, layout: Layout, programs: Sequence[str], postgres: str = "") -> None:
    """The company's files and directories, the core supervisor with these of PROGRAMS, and its sandboxes standing.

    ``postgres``: the directory of PostgreSQL's programs; empty: the wheel's.
    """
    accounts = Accounts.present()
    _own_roots(layout)
    _directories(layout, accounts)
    company = Company(layout, accounts, _settings(name, layout, accounts, postgres))
    company.prepare(allowed_hosts(dict(os.environ), []), programs)
    supervisor = core.supervisor(layout)
    if core.answers(supervisor):
        core.restart_missing(supervisor, programs)
    else:
        core.start(layout)
    core.wait_for_sandboxes(layout)


def down(name: str) -> None:
    """Stop everything of the company and leave no process, socket or mount; its state stays. Raises HostTrouble."""
    layout = Layout.on_host(Places.of(name))
    if not layout.state.is_dir():
        raise HostTrouble(f"cannot stop {name}: there is no company of that name here (looked in {layout.state})")
    with _alone(layout, name):
        supervisor = core.supervisor(layout)
        if core.answers(supervisor):
            supervisor.stop("controller")  # first: nobody may start anew what is being stopped
        for place in SANDBOXES:
            core.stop_programs(Supervisor(layout.doors(place) / "supervisor.sock"))
        core.stop_programs(supervisor)
        if core.answers(supervisor):
            pid = supervisor.shut_down()
            core.until(lambda: keeper.start_time(pid) is None, 40.0, "the core supervisor did not stop")
        for place in SANDBOXES:  # a sandbox outlives its keeper, so one may be left from a core that was killed
            record = layout.core / f"{place}.pid"
            pid = keeper.running(record) or 0
            if pid:
                keeper.end(pid)
            record.unlink(missing_ok=True)
        # Keepers of a core that was killed see their sandboxes end, and end too: a moment later.
        core.until(lambda: not orphans.started(layout.core), 15.0, None)
        orphans.end((layout.state, layout.sockets), PROGRAMS)
        groups.remove(groups.company(name, layout.state))
        shutil.rmtree(layout.sockets, ignore_errors=True)
        with contextlib.suppress(OSError):  # another company's sockets may be there
            layout.sockets.parent.rmdir()


def troubles(name: str) -> list[Finding]:
    """What is wrong with the company's own processes."""
    layout = Layout.on_host(Places.of(name))
    try:
        found = list(ailing(core.supervisor(layout).processes().values()))
    except Unavailable as trouble:
        what = f"does not answer: {trouble}"
        found = [Finding(about="the core supervisor", what=what, advice="`twinstage up` starts it again")]
    if why := start.failure(layout):
        advice = "mend that, then `twinstage up`"
        found.append(Finding(about="the controller", what=f"cannot start: {why}", advice=advice))
    left = shutil.disk_usage(layout.state).free if layout.state.is_dir() else _SCARCE
    if left < _SCARCE:
        what = f"the disk of {layout.state} is full: {left >> 20} MiB left"
        advice = "make room: `twinstage disk` shows what is held, `twinstage prune` lets go of what nobody needs"
        found.append(Finding(about="the disk", what=what, advice=advice))
    return found


@contextlib.contextmanager
def _alone(layout: Layout, name: str) -> Iterator[None]:
    """One `up` or `down` of a company at a time; the second waits its turn and then finds the work done."""
    _own_roots(layout)
    layout.state.mkdir(exist_ok=True, mode=0o700)
    handle = os.open(layout.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        core.until(lambda: _locked(handle), 120.0, f"another `up` or `down` of {name} did not end")
        yield
    finally:
        os.close(handle)


def _own_roots(layout: Layout) -> None:
    """The two directories that hold all companies: ours alone. One lies below /tmp, where anybody may have been first."""
    try:
        for root in (layout.state.parent, layout.sockets.parent):
            make(Directory(path=root, owner=os.geteuid(), group=os.getegid(), mode=0o700))
    except OSError as error:
        raise HostTrouble(f"cannot keep the company's files to ourselves: {error}") from error


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _directories(layout: Layout, accounts: Accounts) -> None:
    try:
        for directory in directories(layout, accounts):
            make(directory)
    except OSError as error:
        raise HostTrouble(f"cannot make the company's directories: {error}") from error


def _settings(name: str, layout: Layout, accounts: Accounts, postgres: str) -> Settings:
    try:
        check(postgres)
    except NoPostgres as error:
        raise HostTrouble(str(error)) from error
    variables, binds = package_environment(os.environ)
    settings = Settings(
        name=name,
        python=sys.executable,
        base=str(toolchain.interpreter()),
        bwrap=str(toolchain.bwrap()),
        packages=variables,
        binds=tuple(binds),
        lacking=tuple(lacks.lacks(lacks.look())),
        gives=machine.gives(groups.company(name, layout.state), accounts),
        postgres=postgres,
    )
    settings.write(layout.state / "settings.json", accounts.core)
    return settings


def _wait_for_api(layout: Layout) -> None:
    def ready() -> bool:
        if why := start.failure(layout):
            raise HostTrouble(
                f"the controller cannot start: {why}\nwhat runs goes on without it; `twinstage down` stops it"
            )
        try:
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(layout.api)), timeout=1.0) as client:
                return client.get("http://twinstage/v1/boundary").status_code < 500
        except httpx.TransportError:
            return False

    core.until(ready, _PATIENCE, f"the controller does not answer; see {layout.core}/controller.log")
