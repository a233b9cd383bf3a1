"""Start the sandbox of an ecosystem: ``python -m twinstage.runtime.local.sandbox.launch SPEC``.

Started by root, this is the last thing that root does: it gives the account a private view of the files it may see (the
interpreter may lie where the account cannot read it), becomes the account, and turns into bubblewrap. It becomes the account
BEFORE bubblewrap starts, because a sandbox made by root is still root to the machine.
"""

import ctypes
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from twinstage.runtime.local.sandbox import toolchain
from twinstage.runtime.local.sandbox.toolchain import Bind

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18


VIEW = Path("/run/twinstage-view")
"""Where root's launchers each mount a view of their own; an empty directory to everybody else."""


@dataclass(frozen=True, kw_only=True)
class Calm:
    """``nice``: the priority of all that runs in the sandbox; ``group``: root's group of the processor that it enters."""

    nice: int = 0
    group: str | None = None


def spec(
    account: int | None,
    binds: Sequence[Bind],
    options: Sequence[str],
    command: Sequence[str],
    calm: Calm | None,
) -> str:
    """What ``main`` reads: the sandbox's options and mounts, the account to become first (None: nobody else), its command."""
    told = {
        "account": account,
        "bwrap": [str(toolchain.bwrap_home()), toolchain.BWRAP],
        "binds": [[b.source, b.target, b.writable] for b in binds],
        "options": list(options),
        "command": list(command),
        "calm": asdict(calm or Calm()),
    }
    return json.dumps(told, indent=1)


def main(path: Path, info: str | None) -> None:
    """Become the sandbox that the specification describes.

    ``info``: the descriptor to which bubblewrap writes which process it started.
    """
    told = json.loads(path.read_text())
    binds = [Bind(source=s, target=t, writable=w) for s, t, w in told["binds"]]
    home, program = told["bwrap"]
    calm = Calm(**told["calm"])
    os.nice(calm.nice)
    if calm.group is not None:
        Path(calm.group, "cgroup.procs").write_text("0")
    if told["account"] is not None:
        # Bubblewrap itself is seen through the view, with the libraries beside it.
        *binds, itself = private_view([*binds, Bind(source=home, target="/")], VIEW)
        home = itself.source
        become(told["account"])
    argv = [f"{home}/{program}"]
    if info is not None:
        argv += ["--info-fd", info]
    argv += told["options"]  # its empty directories first: a bind may lie below one of them
    for bind in binds:
        argv += ["--bind" if bind.writable else "--ro-bind", bind.source, bind.target]
    os.execv(argv[0], [*argv, "--", *told["command"]])  # noqa: S606 - no shell is the point


def private_view(binds: list[Bind], view: Path) -> list[Bind]:
    """Bind every source below ``view`` in a mount namespace of our own, and return the binds from there."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        if libc.mount(source.encode(), target.encode(), kind and kind.encode(), flags, data and data.encode()) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot mount {source} on {target}: {os.strerror(number)}")

    if libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a mount namespace")
    view.mkdir(mode=0o755, exist_ok=True)
    mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    mount("tmpfs", str(view), "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=64k")
    out = []
    for number, bind in enumerate(binds):
        place = view / str(number)
        if Path(bind.source).is_dir():
            place.mkdir()
        else:
            place.touch()
        mount(bind.source, str(place), None, _MS_BIND | _MS_REC)
        out.append(Bind(source=str(place), target=bind.target, writable=bind.writable))
    return out


def become(account: int) -> None:
    """Become the account, for good: no other group, no capability, no way back."""
    os.setgroups([])
    os.setresgid(account, account, account)
    os.setresuid(account, account, account)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
