"""How many file watches Envoy takes, and whether this account may have them.

Envoy 1.40 makes an inotify instance of its own for each file it follows and aborts when the kernel refuses one. The usual
bound is 128 for everything an account runs (fs.inotify.max_user_instances), so it has to be asked before, not met.
"""

import ctypes
import os

SETTING = "fs.inotify.max_user_instances"


def needed(services: int, overlays: int) -> int:
    """Of one ecosystem: listeners, clusters, a route for each service, endpoints for each workload.

    ``overlays`` is how many workloads may stand beside the baseline at once; while a workload is replaced its service has
    two, so each service counts for one more.
    """
    return 2 + services + 2 * services + overlays


def granted(wanted: int) -> int:
    """How many of so many instances the kernel gives this account now, at most ``wanted``; all are given back at once."""
    libc = ctypes.CDLL(None, use_errno=True)
    made: list[int] = []
    try:
        while len(made) < wanted and (descriptor := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
            made.append(descriptor)
        return len(made)
    finally:
        for descriptor in made:
            os.close(descriptor)


def advice(wanted: int, got: int) -> str:
    """The sentence for an account that may not have what it needs."""
    return (
        f"the proxies follow {wanted} files and this account may follow {got} more: "
        f"as root, sysctl -w {SETTING}={max(1024, 4 * wanted)} "
        f"(and the same line in /etc/sysctl.d/ to keep it)"
    )
