"""Which limits this machine lets us set, as `up` found it, and in words what is in force and what is not. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from twinstage.model.bounds import Bounds
from twinstage.model.names import Place
from twinstage.model.seen import Lack, Limit

NICE = {Place.PRODUCTION: 0, Place.STAGING: 5, Place.WORKSHOP: 5}
"""A third of production's share where both want the processor. Disks follow: the kernel takes their priority from this."""
SHARES = {Place.PRODUCTION: 1024, Place.STAGING: 335, Place.WORKSHOP: 335}
"""The same as the weight of a control group."""

_GROUPS = "root to start it on a machine with control groups of version 1"


@dataclass(frozen=True, kw_only=True)
class Gives:
    """``memory``: the company's control group of memory, empty where there is none; ``cpu``: its group of the processor;
    ``sessions``: the scheduler weighs sessions before processes; ``files``: the most descriptors a process may have."""

    memory: str = ""
    cpu: str = ""
    sessions: bool = False
    files: int = 1 << 20

    @property
    def data(self) -> bool:
        """Each process's own memory is bounded, because all of an instance's together cannot be."""
        return not self.memory


def limits(gives: Gives) -> Iterator[Limit]:
    files = Bounds().files
    if gives.memory:
        how = "the kernel bounds all processes of an instance or job together, by a control group"
        yield Limit(what="memory", in_force=True, how=how)
    else:
        how = "the kernel bounds each process; all of an instance or job together are looked at every other second"
        yield Limit(what="memory", in_force=True, how=how)
        means = "a program of many processes can take more than its limit until it is looked at"
        yield Limit(what="memory of all its processes, at once", in_force=False, how=_GROUPS, means=means)
    yield Limit(what="processes and threads", in_force=True, how="the kernel counts them by user namespace")
    if gives.files < files:
        yield Limit(what="open files", in_force=True, how=f"{gives.files:,} for each process")
        means = f"this machine gives a process {gives.files:,} at most, whatever the standard or a definition says"
        takes = f"`ulimit -H -n {files}` before `twinstage up`"
        yield Limit(what=f"{files:,} open files", in_force=False, how=takes, means=means)
    else:
        yield Limit(what="open files", in_force=True, how="for each process")
    yield Limit(what="/tmp and /dev/shm", in_force=True, how="file systems in memory, each of its size")  # noqa: S108
    yield Limit(what="logs", in_force=True, how="4 MiB and the 4 MiB before; a job's the first and the last 2 MiB")
    how = "the largest file by the kernel; all files are measured while it runs, and it is ended"
    yield Limit(what="a job's working copy", in_force=True, how=how)
    means = "a job that is quick writes more before it is ended"
    yield Limit(what="a job's working copy, at once", in_force=False, how="a file system with quotas", means=means)
    yield from _priority(gives)


def lacks(gives: Gives) -> Iterator[Lack]:
    """The limits that are not in force."""
    for it in limits(gives):
        if not it.in_force:
            yield Lack(name=f"not in force: {it.what}", means=it.means, takes=it.how)


def _priority(gives: Gives) -> Iterator[Limit]:
    what = "staging and builds behind production"
    if gives.cpu:
        how = "a third of production's weight, by a control group of the processor; disks by priority"
        yield Limit(what=what, in_force=True, how=how)
        return
    how = "a third of production's weight, by priority" + (", of sessions too" if gives.sessions else "")
    yield Limit(what=what, in_force=True, how=how)
    if gives.sessions:
        means = "a program that begins sessions of its own counts anew in each, until it is seen"
        yield Limit(what=f"{what}, whatever a program does", in_force=False, how=_GROUPS, means=means)
