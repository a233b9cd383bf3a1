"""System calls that reach past namespaces, by number: libc has no name for many of them."""

import ctypes
import mmap
import os
import platform
import signal
import struct
from collections.abc import Callable, Iterator, Mapping

from twinstage.inside.probe.technique import ALLOWED, NOTHING, Targets, Technique, answered, technique

_X86 = {
    "clone": 56, "ptrace": 101, "pivot_root": 155, "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164,
    "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "init_module": 175,
    "delete_module": 176, "quotactl": 179, "iopl": 172, "ioperm": 173, "capset": 126, "setuid": 105, "setgroups": 116,
    "clock_settime": 227, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
    "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
    "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320,
    "bpf": 321, "userfaultfd": 323, "syslog": 103, "vhangup": 153, "uselib": 134, "lookup_dcookie": 212,
    "clock_adjtime": 305,
}  # fmt: skip
_ARM = {
    "clone": 220, "ptrace": 117, "pivot_root": 41, "adjtimex": 171, "chroot": 51, "acct": 89, "settimeofday": 170,
    "mount": 40, "umount2": 39, "swapon": 224, "swapoff": 225, "reboot": 142, "sethostname": 161, "init_module": 105,
    "delete_module": 106, "quotactl": 60, "capset": 91, "setuid": 146, "setgroups": 159, "clock_settime": 112,
    "kexec_load": 104, "add_key": 217, "request_key": 218, "keyctl": 219, "unshare": 97, "perf_event_open": 241,
    "fanotify_init": 262, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
    "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "kexec_file_load": 294, "bpf": 280, "userfaultfd": 282,
    "syslog": 116, "vhangup": 58, "lookup_dcookie": 18, "clock_adjtime": 266,
}  # fmt: skip
_BOTH = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_open": 434, "clone3": 435,
    "pidfd_getfd": 438, "mount_setattr": 442,
}  # fmt: skip
NUMBERS: Mapping[str, int] = {**(_X86 if platform.machine() == "x86_64" else _ARM), **_BOTH}
NEW = {"mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000,
       "net": 0x40000000}  # fmt: skip
_SIGCHLD, _BIND, _REMOUNT, _REC = 17, 4096, 32, 16384
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_X32, _GETPID, _GETPID_IN_32_BITS = 0x40000000, 39, b"\xb8\x14\0\0\0\xcd\x80\xc3"
_LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> object:
    """What the kernel says of it. Bytes are addresses of them. Raises OSError, ENOSYS where this machine has no such call."""
    number = NUMBERS.get(name)
    if number is None:
        raise OSError(38, f"{name} does not exist on {platform.machine()}")
    words = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(int(str(a or 0))) for a in arguments]
    ctypes.set_errno(0)
    said = _LIBC.syscall(ctypes.c_long(number), *words)
    if said < 0:
        raise OSError(ctypes.get_errno(), name)
    return said


def each(*made: tuple[object, ...]) -> Callable[[Targets], Iterator[str]]:
    """Each of these calls; an allowed one by its name. One that this machine does not have is no door of it."""

    def attempt(_targets: Targets) -> Iterator[str]:
        for name, *arguments in made:
            if name not in NUMBERS:
                continue
            said = answered(call, str(name), *arguments)
            yield f"{ALLOWED} <{name}>" if said == ALLOWED else said

    return attempt


def _cloned(flags: Mapping[str, int]) -> Callable[[Targets], Iterator[str]]:
    def attempt(_targets: Targets) -> Iterator[str]:
        for name, flag in flags.items():
            yield answered(_clone, flag, name)

    return attempt


def _clone(flag: int, name: str) -> str:
    child = call("clone", flag | _SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(int(str(child)), 0)
    return f"{ALLOWED} <{name}>"


def _entered(_t: Targets) -> Iterator[str]:
    """Its own namespaces, its parent's and the first process's, by file and by pidfd."""
    for pid in ("self", str(os.getppid()), "1"):
        for kind in ("user", "net", "mnt", "pid"):
            yield answered(_enter, f"/proc/{pid}/ns/{kind}")
    pidfd = int(str(call("pidfd_open", 1, 0)))
    yield answered(call, "setns", pidfd, NEW["user"] | NEW["net"])


def _enter(path: str) -> object:
    namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return call("setns", namespace, 0)
    finally:
        os.close(namespace)


def _terminals(_t: Targets) -> Iterator[str]:
    """The number of the request alone is refused, whatever the descriptor is."""
    for request in (_TIOCSTI, _TIOCLINUX, _TIOCSTI | 1 << 32):
        ctypes.set_errno(0)
        _LIBC.ioctl(0, ctypes.c_ulong(request), ctypes.c_char_p(b"x"))
        yield answered(_errno)


def _sizes(_t: Targets) -> Iterator[str]:
    """Its own number asked for as programs of 32 bits do, and those of x32: the list of a filter does not hold for theirs."""
    if platform.machine() != "x86_64":
        yield NOTHING
        return
    yield _ended(_asked_in_32_bits)
    yield _ended(lambda: _LIBC.syscall(ctypes.c_long(_X32 | _GETPID)))


def _asked_in_32_bits() -> int:
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(_GETPID_IN_32_BITS)
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())


def _ended(ask: Callable[[], int]) -> str:
    """How a process ends that asks; that it was told its number is a passage."""
    child = os.fork()
    if child == 0:
        told = False
        try:
            told = ask() == os.getpid()
        finally:
            os._exit(0 if told else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return ALLOWED if os.waitstatus_to_exitcode(status) == 0 else "ENOSYS"


def _errno() -> str:
    number = ctypes.get_errno()
    if number:
        raise OSError(number, "refused")
    return ALLOWED


_ATTRIBUTES = struct.pack("=2I14Q", 1, 120, *([0] * 14))
_KEY = (b"user\0", b"probe\0", b"x\0", 1, -3)
_PTRACE_TRACEME, _PTRACE_SEIZE = 0, 0x4206
"""Not the attaching that stops whom it gets hold of: where it is allowed, nothing would go on."""
_ME = os.getpid()


def _refused(name: str, what: str, *made: tuple[object, ...], stops: str = "EPERM") -> Technique:
    return technique(name, what, stops, each(*made))


# fmt: off
TECHNIQUES = (
    _refused("mounts", "a tmpfs, a bind, another /proc and /sys",
             ("mount", b"none\0", b"/tmp\0", b"tmpfs\0", 0, b"\0"), ("mount", b"/\0", b"/tmp\0", b"\0", _BIND | _REC, b"\0"),
             ("mount", b"proc\0", b"/tmp\0", b"proc\0", 0, b"\0"), ("mount", b"sysfs\0", b"/tmp\0", b"sysfs\0", 0, b"\0")),
    _refused("remounts", "what is read-only made writable, /proc's masks taken away",
             ("mount", b"none\0", b"/\0", b"\0", _REMOUNT | _BIND, b"\0"),
             ("mount", b"none\0", b"/usr\0", b"\0", _REMOUNT | _BIND, b"\0"),
             ("umount2", b"/proc\0", 2), ("umount2", b"/usr\0", 2)),
    _refused("the new way to mount", "open_tree, move_mount, fsopen, fspick, mount_setattr",
             ("open_tree", -100, b"/\0", 1), ("fsopen", b"proc\0", 0), ("fspick", -100, b"/\0", 0),
             ("move_mount", -100, b"/tmp\0", -100, b"/tmp\0", 0), ("mount_setattr", -100, b"/\0", 0, b"\0" * 32, 32)),
    _refused("another root", "chroot and pivot_root", ("chroot", b"/tmp\0"), ("pivot_root", b"/tmp\0", b"/tmp\0")),
    _refused("unshare", "a namespace of every kind", *(("unshare", flag) for flag in NEW.values()),
             ("unshare", NEW["user"] | NEW["net"] | NEW["mount"])),
    technique("clone", "a process in namespaces of every kind", "EPERM", _cloned({**NEW, "all": sum(NEW.values())})),
    _refused("clone3", "the same, where a filter cannot look", ("clone3", struct.pack("=11Q", NEW["user"], *([0] * 10)), 88),
             stops="ENOSYS|EPERM"),
    technique("setns", "namespaces that /proc and pidfds show", "EPERM|EACCES", _entered),
    _refused("keyring", "keys, which no namespace holds",
             ("add_key", *_KEY), ("request_key", b"user\0", b"probe\0", b"\0", -3), ("keyctl", 0, -3, 0)),
    _refused("bpf", "a map and a program", ("bpf", 0, b"\1\0\0\0\4\0\0\0\4\0\0\0\1\0\0\0" + b"\0" * 56, 72),
             ("bpf", 5, b"\0" * 72, 72)),
    _refused("perf", "counters of its own and of everybody", ("perf_event_open", _ATTRIBUTES, 0, -1, -1, 0),
             ("perf_event_open", _ATTRIBUTES, -1, 0, -1, 0)),
    _refused("userfaultfd", "faults handled at its leisure", ("userfaultfd", 0), ("userfaultfd", 1)),
    _refused("io_uring", "calls that go round a filter", ("io_uring_setup", 4, b"\0" * 120), ("io_uring_enter", 0, 0, 0, 0, 0),
             ("io_uring_register", 0, 0, 0, 0)),
    _refused("files by handle", "past the mounts", ("open_by_handle_at", 3, b"\x08\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0", 0),
             ("name_to_handle_at", -100, b"/\0", b"\x80\0\0\0" + b"\0" * 132, b"\0" * 4, 0)),
    _refused("kernel modules", "one loaded, one removed", ("init_module", b"\0", 0, b"\0"), ("finit_module", 0, b"\0", 0),
             ("delete_module", b"probe\0", 0)),
    _refused("another kernel", "kexec, and a restart that says a wrong word", ("kexec_load", 0, 0, 0, 0),
             ("kexec_file_load", -1, -1, 0, b"\0", 0), ("reboot", 1, 2, 3, 0)),
    _refused("the machine's clock", "asked to be set to nothing", ("settimeofday", 0, 0), ("clock_settime", 0, 0),
             ("adjtimex", 0), ("clock_adjtime", 0, 0)),
    _refused("the machine's disks and devices", "swap, accounting, quotas, ports", ("swapon", b"/tmp/none\0", 0),
             ("swapoff", b"/tmp/none\0"), ("acct", b"/tmp/none\0"), ("quotactl", 0, 0, 0, 0), ("iopl", 3), ("ioperm", 0, 1, 1),
             ("vhangup",), ("uselib", b"/tmp/none\0"), ("lookup_dcookie", 0, 0, 0)),
    _refused("events of all files", "fanotify", ("fanotify_init", 0, 0), ("fanotify_init", 0x200, 0)),
    technique("terminals", "typing into one", "EPERM", _terminals),
    _refused("ptrace", "itself, its parent and the first process", ("ptrace", _PTRACE_TRACEME, 0, 0, 0),
             ("ptrace", _PTRACE_SEIZE, 1, 0, 0), ("ptrace", _PTRACE_SEIZE, os.getppid(), 0, 0)),
    _refused("memory of processes", "process_vm_readv and process_vm_writev", ("process_vm_readv", 1, 0, 0, 0, 0, 0),
             ("process_vm_writev", 1, 0, 0, 0, 0, 0), ("process_vm_readv", _ME, 0, 0, 0, 0, 0)),
    _refused("descriptors of processes", "pidfd_getfd and kcmp", ("pidfd_getfd", 0, 0, 0), ("kcmp", _ME, 1, 0, 0, 0)),
    _refused("the kernel's log", "read, and its size asked", ("syslog", 3, b"\0" * 64, 64), ("syslog", 10, 0, 0)),
    technique("other word sizes", "calls as programs of 32 bits and of x32 make them",
              f"ended by SIGSYS|ended by SIGSEGV|ENOSYS|{NOTHING}", _sizes),
    _refused("a host name", "its own, changed", ("sethostname", b"probe\0", 5)),
    _refused("another user", "uid 0, other groups, capabilities",
             ("setuid", 0), ("setgroups", 0, 0), ("capset", struct.pack("=Ii", 0x20080522, 0), b"\xff" * 24),
             stops="EPERM|EINVAL"),
)
# fmt: on
