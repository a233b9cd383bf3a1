"""Where a company's files and sockets live on this machine. Paths only; nothing here creates anything."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path


class NotOurs(PermissionError):
    """Somebody else was first where our sockets belong. Whatever listens there is theirs."""


def state_root() -> Path:
    """$XDG_STATE_HOME/twinstage, or /var/lib/twinstage for root; below $TWINSTAGE_ROOT where that is set."""
    if root := os.environ.get("TWINSTAGE_ROOT"):
        return Path(root) / "state"
    if os.geteuid() == 0:
        return Path("/var/lib/twinstage")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "twinstage"


def socket_root() -> Path:
    """A short directory: a Unix socket's path ends at 108 bytes."""
    if root := os.environ.get("TWINSTAGE_ROOT"):
        return Path(root) / "run"
    if os.geteuid() == 0:
        return Path("/run/twinstage")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and len(runtime) <= 30 and os.access(runtime, os.W_OK):
        return Path(runtime) / "twinstage"
    return Path(f"/tmp/twinstage-{os.geteuid()}")  # noqa: S108 - mode 0700, and checked to be ours before it is used


def _ours() -> Path:
    """The directory of all companies' sockets. Raises NotOurs.

    Below /tmp anybody may make one of that name while no company is up, and listen there: for the value of the next
    secret that is set, for the next commit. Root's own is where nobody else can make one.
    """
    root = socket_root()
    try:
        found = root.lstat()
    except OSError:
        return root  # there is none, so nobody listens
    if os.geteuid() != 0 and (found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode)):
        raise NotOurs(
            f"cannot use {root}: it is user {found.st_uid}'s, and so is whatever answers there; have it moved away"
        )
    return root


_SOCKET = 107
"""Bytes in a Unix socket's path."""
_ASIDE = len(".4194304")
"""supervisord makes its socket under a name with its pid, and renames it."""


@dataclass(frozen=True)
class Places:
    """Everything of one company, by its ecosystem's name."""

    state: Path
    sockets: Path

    @staticmethod
    def of(name: str) -> "Places":
        """Raises NotOurs."""
        return Places(state=state_root() / name, sockets=_ours() / name)

    def too_long(self) -> int:
        """By how many characters the paths of its sockets are too long; 0: they are not."""
        longest = self.sockets / "production" / "supervisor.sock"
        return max(0, len(os.fsencode(longest)) + _ASIDE - _SOCKET)

    @property
    def api(self) -> Path:
        """The controller's HTTP API, mode 0600."""
        return self.sockets / "api" / "api.sock"

    @property
    def visits(self) -> Path:
        """Where commands in instances are asked for."""
        return self.api.with_name("exec.sock")


def companies() -> list[str]:
    """Names of the companies whose API socket exists, sorted. Raises NotOurs."""
    root = _ours()
    if not root.is_dir():
        return []
    return sorted(p.name for p in root.iterdir() if (p / "api" / "api.sock").exists())
