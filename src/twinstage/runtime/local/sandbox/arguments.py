"""Arguments of bubblewrap: pure. The outer sandbox of an ecosystem (or the workshop) and the inner one of an instance or job."""

from collections.abc import Iterable, Mapping, Sequence

from twinstage.runtime.local.sandbox.toolchain import BIN, Bind

CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP")
"""What the first process of an ecosystem needs, over its own namespaces only, to make networks and inner sandboxes."""

USER = 1000
"""Whoever runs in an instance or a job, by its own account; the machine knows it as the place's account."""


def _mounts(binds: Iterable[Bind], links: Iterable[tuple[str, str]]) -> list[str]:
    out: list[str] = []
    for bind in binds:
        out += ["--bind" if bind.writable else "--ro-bind", bind.source, bind.target]
    for to, path in links:
        out += ["--symlink", to, path]
    return out


def outer(
    *,
    links: Sequence[tuple[str, str]],
    environment: Mapping[str, str],
    hostname: str,
) -> list[str]:
    """Options of the sandbox of a whole ecosystem: uid 0 of its own user namespace, nobody outside it.

    Not --die-with-parent and not --disable-userns: it outlives who started it, and nests sandboxes.
    """
    out = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try", "--unshare-net"]
    out += ["--uid", "0", "--gid", "0", "--hostname", hostname, "--as-pid-1", "--new-session"]
    for capability in CAPABILITIES:
        out += ["--cap-add", capability]
    # Empty directories first: a bind may lie below one of them.
    out += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--dir", "/run/ns"]  # noqa: S108
    out += _mounts([], links)
    out += ["--clearenv"]
    for key, value in sorted(environment.items()):
        out += ["--setenv", key, value]
    return out


def core(*, links: Sequence[tuple[str, str]], environment: Mapping[str, str], hostname: str, account: int) -> list[str]:
    """Options of the sandbox of one of the core's own programs: the machine's network, its own files, and nothing else."""
    out = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
    out += ["--uid", str(account), "--gid", str(account), "--hostname", hostname]
    out += ["--cap-drop", "ALL", "--disable-userns", "--die-with-parent", "--new-session"]
    out += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    out += _mounts([], links)
    out.append("--clearenv")
    for key, value in sorted(environment.items()):
        out += ["--setenv", key, value]
    return [*out, "--chdir", "/"]


def inner(
    *,
    binds: Sequence[Bind],
    links: Sequence[tuple[str, str]],
    environment: Mapping[str, str],
    hostname: str,
    directory: str,
    alone: bool,
    tmp: int = 256 << 20,
) -> list[str]:
    """Options of the sandbox of one instance or job: no capability, no new user namespace, nothing of its neighbours.

    ``alone``: a network namespace of its own with nothing but loopback (the workshop). Otherwise it keeps the network that
    its launcher entered: the instance's own wire, or the ecosystem's for its proxy. ``tmp``: bytes in /tmp, and in /dev/shm.
    """
    out = ["--unshare-user", "--uid", str(USER), "--gid", str(USER), "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    out += [
        "--unshare-cgroup-try",
        "--hostname",
        hostname,
        "--cap-drop",
        "ALL",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",  # the kernel shares the processor by session: one with many threads gets no more than its neighbour
    ]
    if alone:
        out.append("--unshare-net")
    out += ["--proc", "/proc", "--dev", "/dev"]
    for place in ("/tmp", "/dev/shm"):  # noqa: S108
        out += ["--perms", "1777", "--size", str(tmp), "--tmpfs", place]
    out += ["--remount-ro", "/dev"]  # a file system in memory too, without a bound
    out += _mounts(binds, links)
    out += ["--symlink", "/proc/self/mounts", "/etc/mtab", "--clearenv"]
    for key, value in sorted(environment.items()):
        out += ["--setenv", key, value]
    out += ["--remount-ro", "/", "--chdir", directory]
    return out


def path_of(artifact: str | None) -> str:
    """PATH inside: the artifact's own tools first, then the toolchain, then the system."""
    first = [f"{artifact}/.venv/bin"] if artifact else []
    return ":".join([*first, BIN, "/usr/local/bin", "/usr/bin", "/bin"])
