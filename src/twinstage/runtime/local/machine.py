"""What this machine must give, tried and not guessed, and what to do where it does not."""

import ctypes.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twinstage.runtime.local import groups
from twinstage.runtime.local.gives import Gives
from twinstage.runtime.local.layout import Accounts
from twinstage.runtime.local.sandbox import arguments, launch, toolchain

_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


def lacking() -> list[str]:
    """What the machine lacks for sealed ecosystems, each with what to do; empty when all is there. There is no unsealed mode."""
    if sys.platform != "linux":
        return [
            f"sealed ecosystems are made of Linux namespaces, and this is {sys.platform}: "
            "run Twinstage in a Linux virtual machine"
        ]
    found = []
    if ctypes.util.find_library("seccomp") is None:
        found.append("the library libseccomp is missing: install the package libseccomp2")
    for program, package in (("git", "git"), ("nsenter", "util-linux"), ("setpriv", "util-linux")):
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            found.append(f"the program {program} is missing: install the package {package}")
    if not found:
        trouble = _try_namespaces()
        if trouble:
            found.append(trouble)
    return found


def _try_namespaces() -> str | None:
    """Make a sandbox within a sandbox by the very path that `up` takes: None when it works."""
    system, links = toolchain.system()
    bwrap = str(toolchain.bwrap())
    outer = arguments.outer(links=links, environment={"PATH": "/usr/bin:/bin"}, hostname="trial")
    inner = arguments.inner(binds=system, links=links, environment={}, hostname="trial", directory="/", alone=True)
    command = [bwrap, *inner, "--", "/bin/true"]
    with tempfile.TemporaryDirectory(prefix="twinstage-trial-") as made:
        spec = Path(made) / "trial.json"
        account = Accounts.present().core if os.geteuid() == 0 else None
        spec.write_text(launch.spec(account, [*system, *toolchain.ours()], outer, command, None))
        try:
            tried = subprocess.run(
                [sys.executable, "-m", launch.__name__, str(spec)], capture_output=True, text=True, timeout=20
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"cannot run bubblewrap ({bwrap}): {error}"
    if tried.returncode == 0:
        return None
    return _explained(tried.stderr.strip().splitlines()[-1] if tried.stderr.strip() else "no words")


def _explained(said: str) -> str:
    if _APPARMOR.is_file() and _APPARMOR.read_text().strip() == "1":
        profile = _profile()
        return (
            f"AppArmor forbids user namespaces to ordinary programs here (bubblewrap said: {said}). Allow them to Twinstage's "
            f"own bubblewrap: run\n{profile}"
        )
    limit = Path("/proc/sys/user/max_user_namespaces")
    if limit.is_file() and limit.read_text().strip() == "0":
        return "user namespaces are switched off: run `sudo sysctl user.max_user_namespaces=15000`"
    clone = Path("/proc/sys/kernel/unprivileged_userns_clone")
    if clone.is_file() and clone.read_text().strip() == "0":
        return "user namespaces are closed to ordinary users: run `sudo sysctl kernel.unprivileged_userns_clone=1`"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            f"this is a container that forbids namespaces (bubblewrap said: {said}): give it a user namespace of its own and "
            "an unmasked /proc, or run Twinstage on the machine itself"
        )
    return f"this machine does not give user, mount and network namespaces (bubblewrap said: {said})"


def _profile() -> str:
    """One command that writes an AppArmor profile for exactly our bubblewrap. Not tried on a real Ubuntu."""
    path = toolchain.bwrap()
    return (
        f"  printf 'abi <abi/4.0>,\\nprofile twinstage-bwrap {path} flags=(unconfined) {{ userns, }}\\n' "
        "| sudo tee /etc/apparmor.d/twinstage-bwrap >/dev/null && sudo apparmor_parser -r /etc/apparmor.d/twinstage-bwrap"
    )


def gives(company: str, accounts: Accounts) -> Gives:
    """Which limits can be set here. Makes the company's control groups where the machine has them."""
    groups_of = {c: groups.make(c, company, accounts) for c in ("memory", "cpu") if groups.given(c)}
    weighed = Path("/proc/sys/kernel/sched_autogroup_enabled")
    return Gives(
        memory=groups_of.get("memory", ""),
        cpu=groups_of.get("cpu", ""),
        sessions=weighed.is_file() and weighed.read_text().strip() == "1",
        files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    )
