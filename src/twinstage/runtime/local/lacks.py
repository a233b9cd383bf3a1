"""What this machine does not give though it can seal a company."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twinstage.model.seen import Lack

_SWAPS = Path("/proc/swaps")
_BOUND_ON_SWAP = Path("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
_NAMESPACES = Path("/proc/self/ns")


UNNOTED = Lack(
    name="no notes of what the guard drops",
    means="datagrams to nowhere are dropped all the same, but nobody is told who sent them, so they count against no release; "
    "nor may one caller's flood of stray calls be bounded by itself",
    takes="a kernel whose nftables can log and remember: nfnetlink_log, nft_log and sets that grow by themselves",
)
"""Known to the sentinels alone: what listens for notes has to stand where the guard does."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What was found. ``root``: started by it; ``swaps``: there is swap that is in use or could be; ``swap_bounded``: its control
    groups bound it; ``namespaces``: the kinds that the kernel has."""

    root: bool
    swaps: bool
    swap_bounded: bool
    namespaces: frozenset[str]


def look() -> Machine:
    """This machine."""
    root = os.geteuid() == 0
    swaps = _SWAPS.read_text().splitlines()[1:] if _SWAPS.is_file() else []
    return Machine(
        root=root,
        swaps=bool(swaps),
        swap_bounded=root and _BOUND_ON_SWAP.is_file(),
        namespaces=frozenset(path.name for path in _NAMESPACES.iterdir()),
    )


def lacks(machine: Machine) -> Iterator[Lack]:
    """Of a machine that can seal a company: what it cannot do without, `up` asks for. Pure."""
    if not machine.root:
        yield Lack(
            name="one account for everything",
            means="started by an ordinary user, all processes share that user, so between a sandbox and that user's other "
            "processes stand the namespaces alone",
            takes="root to start it: then each ecosystem has an account of its own",
        )
    if machine.swaps and not machine.swap_bounded:
        yield Lack(
            name="no bound on swap",
            means="an instance at its limit of memory can push as much again into the machine's swap",
            takes="a machine without swap, or root to start it on a kernel with control groups of version 1 and `swapaccount=1`",
        )
    if "cgroup" not in machine.namespaces:
        yield Lack(
            name="no namespace of control groups",
            means="a program can read the names of the groups it is in, and change none of them",
            takes="a kernel with cgroup namespaces (4.6 or newer)",
        )
    yield Lack(
        name="one kernel for both ecosystems",
        means="a hole in it is a hole in every wall; namespaces and the filter of system calls keep its largest and youngest doors "
        "shut, no more",
        takes="a virtual machine for each ecosystem",
    )
    yield Lack(
        name="no policy of a security module",
        means="neither AppArmor nor SELinux confines what runs in a sandbox besides its namespaces, its filter and its account",
        takes="a kernel that has one of them on, and a profile of yours: Twinstage brings none that confines",
    )
    yield Lack(
        name="no quota on the disk",
        means="what builds leave, databases and logs of both ecosystems fill one file system",
        takes="file systems of their own, or quotas by project, below the company's state",
    )
