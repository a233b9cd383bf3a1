"""The system-call filter of every instance and job: a BPF program for ``bwrap --seccomp``.

Denied calls answer EPERM, so programs fall back or say why. A network namespace does not contain AF_VSOCK: only this closes
it. The list and the reason for each entry stand in docs/decisions/0006-system-calls.md.
"""

import errno
import os
import tempfile
from pathlib import Path

import pyseccomp as seccomp

# fmt: off
DENIED = (
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "mount", "umount2", "pivot_root",
    "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "unshare",
    "setns", "add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "open_by_handle_at", "name_to_handle_at", "kexec_load",
    "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct",
    "quotactl", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "iopl", "ioperm", "fanotify_init",
    "vhangup", "syslog", "uselib", "lookup_dcookie",
)
# fmt: on
_UNIX, _INET, _INET6, _NETLINK, _FAMILIES = 1, 2, 10, 16, range(46)
_SOCK_RAW, _SOCK_TYPE_MASK = 3, 0xF
_CLONE_NEW_ANY = 0x7E020000  # mount, cgroup, uts, ipc, user, pid and net namespaces
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into somebody else's terminal


def _rules() -> "seccomp.SyscallFilter":
    refuse = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in DENIED:
        rules.add_rule(refuse, name)
    # clone3's flags are in memory, where a filter cannot look: make libc fall back to clone.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    for bit in range(32):
        if _CLONE_NEW_ANY & 1 << bit:
            rules.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, 1 << bit, 1 << bit))
    for family in _FAMILIES:
        if family not in (_UNIX, _INET, _INET6, _NETLINK):
            rules.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.EQ, family))
    # Of netlink only the routing family: what libc asks for its own addresses.
    netlink = seccomp.Arg(0, seccomp.EQ, _NETLINK)
    rules.add_rule(refuse, "socket", netlink, seccomp.Arg(2, seccomp.NE, 0))
    for family in (_INET, _INET6):
        raw = seccomp.Arg(1, seccomp.MASKED_EQ, _SOCK_TYPE_MASK, _SOCK_RAW)
        rules.add_rule(refuse, "socket", seccomp.Arg(0, seccomp.EQ, family), raw)
    for request in (_TIOCSTI, _TIOCLINUX):
        rules.add_rule(refuse, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, request))
    return rules


def write(path: Path) -> None:
    """Write the program to ``path``, whole or not at all. Raises OSError when libseccomp is missing."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        _rules().export_bpf(file)
        file.flush()
        os.fchmod(file.fileno(), 0o444)
    Path(file.name).replace(path)
