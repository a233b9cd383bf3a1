"""Files: what it sees and may not write, what it may not see, devices, and the kernel's own switches."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from twinstage.inside.probe.technique import NOTHING, Targets, answered, technique

_SYSTEM = ("/usr", "/usr/bin", "/etc", "/etc/hosts", "/etc/passwd", "/etc/resolv.conf", "/")
_SECRETS = ("/root", "/home", "/etc/shadow", "/etc/ssh", "/var/lib", "/var/run", "/var/log", "/srv", "/mnt", "/boot", "/sys",
            "/run/user", "/run/ns", "/run/secrets", "/var/run/secrets/kubernetes.io")  # fmt: skip
_DEVICES = ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/vhost-vsock",
            "/dev/vhost-net", "/dev/vsock", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/loop-control", "/dev/dri",
            "/dev/input", "/dev/snd", "/dev/uinput", "/dev/cpu/0/msr", "/dev/mapper/control")  # fmt: skip
_KNOBS = ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
          "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/binfmt_misc/register", "/proc/sys/net/ipv4/ip_forward",
          "/proc/sys/net/ipv4/conf/all/route_localnet", "/proc/sys/net/ipv6/conf/all/disable_ipv6",
          "/proc/sys/net/ipv4/ping_group_range", "/proc/sys/user/max_user_namespaces",
          "/proc/irq/default_smp_affinity", "/proc/mtrr", "/proc/acpi/wakeup")  # fmt: skip
_DEVICE = "/tmp/probe.dev"
_IDS = ("uid_map", "gid_map", "setgroups")
_READ = ("/proc/kcore", "/proc/kallsyms", "/proc/kpageflags", "/proc/kpagecount", "/proc/timer_list", "/proc/slabinfo",
         "/proc/keys", "/proc/sched_debug")  # fmt: skip
_CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/cgroup.procs")
_ORDINARY = frozenset({"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"})


def _written(path: str) -> str:
    """A directory by a new file in it, a file by being opened for writing, without a byte of change."""
    if os.path.isdir(path):
        inside = f"{path.rstrip('/')}/.probe"
        os.close(os.open(inside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(inside)
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    return f"written <{path}>"


def _writes(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        yield answered(_written, path)


def _sealed(t: Targets) -> Iterator[str]:
    """Whoever owns it: what an account may not write, another one might, so the mount itself must be read-only."""
    yield from _writes(t.sealed)
    for path in t.sealed:
        yield NOTHING if os.statvfs(path).f_flag & os.ST_RDONLY else f"mounted writable <{path}>"


def _changes(t: Targets) -> Iterator[str]:
    """Other ways than writing: a mode, a time, an owner, another name, a link to it that may be written."""
    for path in (*t.sealed, "/etc/hosts"):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        yield answered(os.chmod, path, mode)
        yield answered(os.utime, path)
        yield answered(os.rename, path, f"{path}.probe")
        yield answered(os.link, path, "/tmp/probe.link")
        yield answered(_written, f"/proc/self/root{path}")


def _seen(path: str) -> str:
    os.stat(path)
    return f"seen <{path}>"


def _led(path: str, mounts: frozenset[str]) -> str:
    """A directory that only leads to what is mounted for it is nothing: an interpreter may lie below somebody's home."""
    os.stat(path)
    if path in mounts or not os.path.isdir(path) or not any(mount.startswith(f"{path}/") for mount in mounts):
        return (
            NOTHING if os.path.isdir(path) and not os.path.ismount(path) and not os.listdir(path) else f"seen <{path}>"
        )
    said = [_led(f"{path}/{name}", mounts) for name in os.listdir(path) if f"{path}/{name}" not in mounts]
    return next((answer for answer in said if answer != NOTHING), NOTHING)


def _secrets(_t: Targets) -> Iterator[str]:
    mounts = frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    for path in _SECRETS:
        yield answered(_led, path, mounts)


def _sees(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        yield answered(_seen, path)


def _reads(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        yield answered(_read, path)


def _read(path: str) -> str:
    """The kernel's symbols are no secret where their addresses are all zero."""
    with open(path, "rb") as file:
        said = file.read(64)
    return NOTHING if not said or said.startswith(b"0000000000000000 ") else f"read <{path}>"


def _devices(_t: Targets) -> Iterator[str]:
    """Those that might be there, and any that is not one of the ordinary ones."""
    yield from _sees(_DEVICES)
    for entry in Path("/dev").iterdir():
        mode = entry.lstat().st_mode
        if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and entry.name not in _ORDINARY):
            yield f"seen <{entry}>"


def _made(_t: Targets) -> Iterator[str]:
    for number in ((1, 1), (5, 1), (8, 0), (10, 232)):
        yield answered(os.mknod, _DEVICE, 0o600 | stat.S_IFCHR, os.makedev(*number))
    yield answered(os.mknod, _DEVICE, 0o600 | stat.S_IFBLK, os.makedev(8, 0))


def _mounts(t: Targets) -> Iterator[str]:
    """What is mounted writable: nothing but memory of its own."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        place, options = before.split()[4], before.split()[5].split(",")
        kind = after.split()[0]
        own = (
            kind in ("tmpfs", "devtmpfs", "devpts", "proc", "mqueue")
            or place in ("/proc", "/dev")
            or place.startswith("/dev/")
        )
        yield NOTHING if "ro" in options or own else f"writable <{place}>"
    for path in t.files:
        yield answered(_seen, path)


def _above(root: int, path: str) -> str:
    os.close(os.open("../" * 40 + path.lstrip("/"), os.O_RDONLY, dir_fd=root))
    return f"opened <{path}>"


def _up(t: Targets) -> Iterator[str]:
    """Past the root, by as many steps up as it takes, and by a directory that was kept open."""
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    for path in t.files:
        yield answered(_above, root, path)


def _claimed(name: str) -> str:
    Path(f"/proc/self/{name}").write_text("allow" if name == "setgroups" else "0 0 1\n")
    return f"written <{name}>"


def _identities(_t: Targets) -> Iterator[str]:
    for name in _IDS:
        yield answered(_claimed, name)


_REFUSED = "EROFS|EACCES|EPERM|ENOENT"

# fmt: off
TECHNIQUES = (
    technique("write to what is sealed", "its program, as an instance its artifact", f"EROFS|EACCES|{NOTHING}", _sealed),
    technique("change what is sealed", "modes, times, names, links", "EROFS|EACCES|EXDEV|EPERM|EBUSY", _changes),
    technique("write to the system", "programs, accounts, names", "EROFS|EACCES|EPERM", lambda _t: _writes(_SYSTEM)),
    technique("neighbours' files", "the ecosystem's, the company's, other instances'", f"ENOENT|{NOTHING}", _mounts),
    technique("files past the root", "the same, by ..", "ENOENT", _up),
    technique("the controller's files", "written to: its sockets, its store, what it wants", "ENOENT",
              lambda t: _writes((*t.files, *t.sockets))),
    technique("people's files", "homes, secrets, logs, /sys", f"ENOENT|{NOTHING}", _secrets),
    technique("devices", "memory, disks, virtual machines, tunnels", "ENOENT", _devices),
    technique("devices made", "mknod", "EPERM", _made),
    technique("kernel's switches", "core patterns, forwarding, IPv6, namespaces, sysrq", _REFUSED, lambda _t: _writes(_KNOBS)),
    technique("kernel's memory", "symbols, pages, keys, timers", f"{_REFUSED}|{NOTHING}", lambda _t: _reads(_READ)),
    technique("control groups", "a release agent, another group", "ENOENT|EROFS|EACCES", lambda _t: _writes(_CGROUPS)),
    technique("maps of users", "uid_map, gid_map, setgroups", "EPERM|EACCES|EINVAL", _identities),
)
# fmt: on
