"""The core's programs that reach the world for others: the package proxy of builds, and the way out to outside names."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinstage.inside.outside import HERE
from twinstage.model.names import Place
from twinstage.runtime.local.layout import OUTSIDE, SOCKETS, Layout
from twinstage.runtime.local.sandbox.toolchain import Bind

PACKAGES = "/packages"
RESOLVING: Mapping[str, str] = {path: path for path in ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")}
"""Where they see how names are looked up -> the machine's own file."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """``binds``: what it sees beside the system, the tools and Twinstage."""

    binds: tuple[Bind, ...]
    environment: Mapping[str, str]
    command: tuple[str, ...]


def packages(layout: Layout, python: str, allowed: Sequence[str]) -> Way:
    """``allowed``: hosts that builds may fetch packages from."""
    own = Bind(source=str(layout.packages.parent), target=PACKAGES, writable=True)
    command = (python, "-m", "twinstage.inside.packages", "--socket", f"{PACKAGES}/proxy.sock")
    return Way(binds=(*_resolving(), own), environment=_proxies(), command=(*command, "--allow", ",".join(allowed)))


def outside(layout: Layout, python: str) -> Way:
    """What it is told it only reads; the sockets of each ecosystem are its own to make."""
    here = f"/{OUTSIDE}"
    binds = [
        Bind(source=str(layout.outside), target=here),
        Bind(source=str(layout.outside / "log"), target=f"{here}/log", writable=True),
    ]
    for place in (Place.PRODUCTION, Place.STAGING):
        binds.append(Bind(source=str(layout.doors(place) / OUTSIDE), target=f"{SOCKETS}/{place}", writable=True))
    command = (python, "-m", "twinstage.inside.outside", "--told", here)
    return Way(
        binds=(*_resolving(), *binds),
        environment=_proxies() | ({HERE: hosts} if (hosts := os.environ.get(HERE)) else {}),
        command=(*command, "--state", f"{here}/log/state.json", "--sockets", SOCKETS),
    )


def _resolving() -> list[Bind]:
    """How this machine looks names up."""
    return [Bind(source=source, target=target) for target, source in RESOLVING.items() if Path(source).exists()]


def _proxies() -> dict[str, str]:
    """How this machine reaches the world, where it sits behind a proxy."""
    return {k: v for k in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy") if (v := os.environ.get(k))}
