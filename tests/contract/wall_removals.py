"""The walls of an instance's sandbox, and how each of them is taken away from one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twinstage.runtime.local import instance


@dataclass(frozen=True, kw_only=True)
class Removal:
    """A wall taken away from one instance: by other ``arguments`` of its sandbox, by ``launch``, lines of its launcher, or by
    ``files`` of its own. ``keeps``: what it keeps out, in words; ``lacks``: what is missed then."""

    keeps: str
    lacks: frozenset[str]
    arguments: Callable[[list[str]], list[str]] = lambda given: given
    launch: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def without(*words: str) -> Callable[[list[str]], list[str]]:
    """Each of these options; ``--uid 1000`` has its value with it."""

    def left(given: list[str]) -> list[str]:
        for option in words:
            part = option.split()
            at = next(i for i in range(len(given)) if given[i : i + len(part)] == part)
            given = [*given[:at], *given[at + len(part) :]]
        return given

    return left


def instead(old: Sequence[str], new: Sequence[str]) -> Callable[[list[str]], list[str]]:
    def changed(given: list[str]) -> list[str]:
        at = next(i for i in range(len(given)) if given[i : i + len(old)] == list(old))
        return [*given[:at], *new, *given[at + len(old) :]]

    return changed


def of_the_ecosystem(place: str) -> Callable[[list[str]], list[str]]:
    """Its own file system in memory replaced by the one around it."""

    def changed(given: list[str]) -> list[str]:
        at = next(i for i in range(len(given)) if given[i : i + 2] == ["--tmpfs", place])
        return [*given[: at - 4], "--bind", place, place, *given[at + 2 :]]  # with its mode and its size

    return changed


def only(*names: str) -> frozenset[str]:
    return frozenset(names)


REMOVALS = {
    "users": Removal(
        keeps="an account of the ecosystem's, and what it may do there",
        lacks=only("users of its own", "no new user namespaces", "no capability"),
        arguments=without("--unshare-user", "--uid 1000", "--gid 1000", "--disable-userns"),
    ),
    "network": Removal(
        keeps="calls that are nobody's: past the guard, the proxy's filter and the record",
        lacks=only("a network of its own"),
        launch="enter=",
    ),
    "processes": Removal(
        keeps="looking into, signalling and tracing its neighbours",
        lacks=only("processes of its own", "/proc of its own"),
        arguments=lambda given: instead(("--proc", "/proc"), ("--ro-bind", "/proc", "/proc"))(
            without("--unshare-pid")(given)
        ),
        launch="first=",
    ),
    "memory": Removal(
        keeps="shared memory, semaphores and queues of its neighbours",
        lacks=only("memory to share of its own"),
        arguments=without("--unshare-ipc"),
    ),
    "hostname": Removal(
        keeps="a name that would be everybody's",
        lacks=only("a host name of its own"),
        arguments=without("--unshare-uts", "--hostname orders"),
    ),
    "userns": Removal(
        keeps="new user namespaces, in which it would have every capability",
        lacks=only("no new user namespaces"),
        arguments=without("--disable-userns"),
    ),
    "capabilities": Removal(
        keeps="networks, mounts, devices and files that take one",
        lacks=only("no capability"),
        arguments=instead(("--cap-drop", "ALL"), ("--cap-add", "CAP_NET_BIND_SERVICE")),
    ),
    "filter": Removal(
        keeps="system calls that leave a sandbox or reach young parts of the kernel: each of them is tried by the probe",
        lacks=only("the filter of system calls"),
        launch='filter="--file 9 /tmp/filter"',
    ),
    "tmp": Removal(
        keeps="its neighbours' temporary files, and more of the memory than its share",
        lacks=only("/tmp of its own"),
        arguments=of_the_ecosystem("/tmp"),
    ),
    "shm": Removal(
        keeps="its neighbours' shared memory by name",
        lacks=only("/dev/shm of its own"),
        arguments=of_the_ecosystem("/dev/shm"),
    ),
    "root": Removal(
        keeps="files left for whoever comes next",
        lacks=only("a root that is read-only"),
        arguments=without("--remount-ro /"),
    ),
    "dev": Removal(
        keeps="a file system in memory without a bound",
        lacks=only("a /dev that is read-only"),
        arguments=without("--remount-ro /dev"),
    ),
    "artifact": Removal(
        keeps="a release that changes what it is",
        lacks=only("an artifact that is read-only"),
        arguments=instead(("--ro-bind", *["/artifacts/contract"] * 2), ("--tmpfs", "/artifacts/contract")),
    ),
    "mounts": Removal(
        keeps="its neighbours' files, sockets and secrets",
        lacks=only("nothing of its neighbours"),
        arguments=instead(
            ("--remount-ro", "/", "--chdir"), ("--ro-bind", "/state", "/state", "--remount-ro", "/", "--chdir")
        ),
    ),
    "proc": Removal(
        keeps="what the other programs are, were told and have open",
        lacks=only("/proc of its own"),
        arguments=instead(("--proc", "/proc"), ("--ro-bind", "/proc", "/proc")),
    ),
    "environment": Removal(
        keeps="secrets of whoever started it",
        lacks=only("a clean environment"),
        arguments=lambda given: ["--setenv", "LEFT", "by somebody", *without("--clearenv")(given)],
    ),
    "session": Removal(
        keeps="its neighbours' terminal and their share of the processor",
        lacks=only("a session of its own"),
        arguments=without("--new-session"),
    ),
    "descriptors": Removal(
        keeps="files and sockets that were opened for others",
        lacks=only("no descriptor of others"),
        launch="exec 5</desired/ports.json",
    ),
    "limits": Removal(
        keeps="forks without end, and more files than its share",
        lacks=only("limits of its own"),
        files={"init": instance.scripts.init("")},
    ),
}
