"""Says whether the Python that runs this can carry Twinstage: one line, "VERDICT<tab>PATH<tab>DETAIL".

VERDICT is open (fit, and every account of the machine can read it), closed (fit, but below a directory that others may
not enter), old, or broken. Written for old Pythons too: it is how they are found out.
"""
# ruff: noqa: PTH116, PTH120, UP031, UP036

import os
import stat
import sys


def missing():
    """Modules of the standard library that distributions leave out of their smallest packages."""
    lacking = []
    for name in ("ctypes", "sqlite3", "ssl", "tomllib", "venv", "zlib"):
        try:
            __import__(name)
        except ImportError:
            lacking.append(name)
    return lacking


def closed(path):
    """The first directory on the way to the path that other accounts may not enter, or an empty string."""
    place = os.path.realpath(path)
    while True:
        mode = os.stat(place).st_mode
        if stat.S_ISDIR(mode) and not mode & stat.S_IXOTH:
            return place
        if place == os.path.dirname(place):
            return ""
        place = os.path.dirname(place)


def seccomp():
    """Whether the loader finds libseccomp, which the sandboxes' system-call filter is made with."""
    import ctypes
    import ctypes.util

    for name in ("libseccomp.so.2", ctypes.util.find_library("seccomp")):
        try:
            if name and ctypes.CDLL(name):
                return True
        except OSError:
            continue
    return False


def main():
    path = getattr(sys, "_base_executable", None) or sys.executable
    version = "%d.%d.%d" % sys.version_info[:3]
    if sys.version_info < (3, 11):
        verdict, detail = "old", version
    elif missing():
        verdict, detail = "broken", "%s has no %s" % (version, ", ".join(missing()))
    else:
        shut = closed(path) or closed(os.path.dirname(os.__file__))
        verdict, detail = ("closed", shut) if shut else ("open", version)
        if not seccomp():
            verdict, detail = "no-seccomp", version
    print("\t".join((verdict, path, detail)))


main()
