"""A command that somebody runs in an instance: as the instance stands, with all its walls, and nothing of it stays. One pair of
instances for all of it; the real runtime alone."""

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from contract.bench import healthy, key
from contract.local_bench import LocalBench
from twinstage.inside.exchange import Notes, close
from twinstage.model.names import Ecosystem, InstanceId, Place
from twinstage.runtime.local.doorway import Doorway, Inside, Shut
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.naming import instance_id, parse_instance
from twinstage.runtime.local.sandbox import keeper
from twinstage.runtime.local.settings import Settings

pytestmark = pytest.mark.real

FACTS = """
import json, os, resource
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
same = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
        "Umask", "Speculation_Store_Bypass")
print("FACTS" + json.dumps({
    "status": {name: status[name].strip() for name in same},
    "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in sorted(os.listdir("/proc/self/ns"))},
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
    "environment": dict(os.environ),
    "directory": os.getcwd(),
    "root": sorted(os.listdir("/")),
    "group": open("/proc/self/cgroup").read(),
    "sooner": open("/proc/self/oom_score_adj").read(),
    "open": sorted(os.listdir("/proc/self/fd"))[:-1],
}), flush=True)
"""
TELL = f"python3 - <<'END'\n{FACTS}\nEND\n"
SECRET = "a-value-that-nobody-sees"
SH = ("/bin/sh", "-c")


@dataclass(frozen=True)
class Said:
    status: int
    ended: str
    out: bytes
    errors: bytes


class House:
    """Two instances, of production and of staging, and how one comes into them."""

    def __init__(self, local: LocalBench, layout: Layout) -> None:
        self.local, self._doorway = local, Doorway(layout)
        told = replace(local.secret_workload(1, "TOKEN"), run=f"{TELL}exec python3 main.py")
        other = local.workload(key("payments", ecosystem=Ecosystem.STAGING), "exec python3 main.py", 1)
        local.give(Ecosystem.PRODUCTION, "orders", 1, {"TOKEN": SECRET})
        self.workloads = (told, other)
        self.orders, self.payments = (instance_id(workload.key, 0) for workload in self.workloads)
        for workload in self.workloads:
            local.runtime.put_workload(workload, local.fence)
        local.settle(lambda: all(healthy(local, workload.key) for workload in self.workloads))

    def enter(self, *command: str, at: InstanceId | None = None, terminal: dict[str, Any] | None = None) -> Inside:
        return self._doorway.enter(at or self.orders, command, terminal)

    def run(self, *command: str, stdin: bytes = b"", at: InstanceId | None = None) -> Said:
        return finished(self.enter(*command, at=at), stdin)

    def log(self) -> str:
        return b"".join(self.local.runtime.log(self.orders, 0)).decode()


@pytest.fixture(scope="module")
def house(sandboxes: Layout) -> Iterator[House]:
    local = LocalBench(sandboxes)
    yield House(local, sandboxes)
    local.clean()


def finished(inside: Inside, stdin: bytes = b"") -> Said:
    """Everything it says, and how it ends."""
    into, out, errors = inside.descriptors
    found: dict[int, bytes] = {out: b"", errors: b""}
    os.set_blocking(into, False)
    writing, reading = [into], [out, errors]
    while reading:
        ready, writable, _ = select.select(reading, writing, [], 30)
        assert ready or writable, "it says nothing and does not end"
        if writable:
            if stdin:
                with suppress(BlockingIOError):
                    stdin = stdin[os.write(into, stdin[:4096]) :]
            else:
                os.close(into)
                writing = []
        for it in ready:
            more = os.read(it, 1 << 16)
            found[it] += more
            if not more:
                os.close(it)
                reading.remove(it)
    told = end_of(inside)
    return Said(told["status"], told["ended"], found[out], found[errors])


def end_of(inside: Inside) -> dict[str, Any]:
    told, _ = inside.notes.receive(30)
    inside.notes.close()
    return told


def facts(said: str) -> dict[str, Any]:
    (line,) = [line for line in said.splitlines() if line.startswith("FACTS")]
    found: dict[str, Any] = json.loads(line.removeprefix("FACTS"))
    return found


def test_it_stands_as_the_instance_does_in_everything(house: House) -> None:
    own = facts(house.log())
    said = house.run(*SH, TELL)
    assert (said.status, said.ended) == (0, ""), said.errors
    found = facts(said.out.decode())
    assert own["environment"]["TOKEN"] == SECRET
    assert found == own
    assert found["status"]["NoNewPrivs"] == "1"
    assert (found["status"]["Seccomp"], found["status"]["CapBnd"]) == ("2", "0" * 16)
    assert found["open"] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (["true"], 0, b""),
        ([*SH, "exit 7"], 7, b""),
        ([*SH, "kill -TERM $$"], 128 + signal.SIGTERM, b""),
        (["no-such-program"], 127, b"twinstage: cannot run no-such-program: the instance has no such program\n"),
        (["/etc/passwd"], 126, b"twinstage: cannot run /etc/passwd: Permission denied\n"),
    ],
)
def test_its_status_is_the_commands(house: House, command: Sequence[str], status: int, said: bytes) -> None:
    assert house.run(*command) == Said(status, "", b"", said)


def test_what_goes_in_comes_out_byte_for_byte(house: House) -> None:
    everything = bytes(range(256)) * 8192
    assert house.run("cat", stdin=everything) == Said(0, "", everything, b"")
    assert house.run(*SH, "echo out; echo errors >&2") == Said(0, "", b"out\n", b"errors\n")


DENIED = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for call in (lambda: libc.unshare(0x10000000), lambda: libc.ptrace(16, 1, 0, 0), lambda: libc.mount(0, b"/", 0, 4096, 0)):
    print(errno.errorcode[ctypes.get_errno()] if call() < 0 else "done")
"""


def test_it_is_denied_what_the_instance_is_denied(house: House) -> None:
    said = house.run("python3", "-c", DENIED)
    assert said.out.decode().split() == ["EPERM"] * 3, said.errors


def test_it_sees_and_signals_what_the_instance_does_and_nobody_else(house: House) -> None:
    """The program of the instance, itself, and who is host to it, of whom it learns nothing."""
    script = "for it in /proc/[0-9]*; do cat $it/cmdline 2>/dev/null | tr '\\0' ' '; echo; done"
    said = house.run(*SH, script).out.decode()
    assert "main.py" in said
    assert said.count("inside.doorman") == 1
    host = "for it in /proc/[0-9]*; do grep -qa door[m]an $it/cmdline && cat $it/environ $it/maps && ls $it/fd; done"
    told = house.run(*SH, host)
    assert told.out == b""
    assert told.errors.count(b"environ: Permission denied") == told.errors.count(b"maps: Permission denied") == 1


def test_a_call_that_is_not_declared_is_answered_and_is_the_instances_own(house: House) -> None:
    before = {it.seq for it in house.local.runtime.crossings(Ecosystem.STAGING, 0)}
    url = "http://10.99.0.1/"
    call = (
        "import urllib.request, urllib.error\n"
        f"try: urllib.request.urlopen('{url}', timeout=20)\n"
        "except urllib.error.HTTPError as it: print(it.code)"
    )
    assert house.run("python3", "-c", call, at=house.payments).out == b"403\n"
    found = [it for it in house.local.runtime.crossings(Ecosystem.STAGING, 0) if it.seq not in before]
    assert {(it.instance, it.source, it.target) for it in found} == {
        (house.payments, house.workloads[1].key, "10.99.0.1:80")
    }


LEAVES = "(trap '' HUP TERM; setsid sleep 876501) & trap '' HUP TERM; sleep 876502 & exec sleep 876503"


def running(*seconds: int) -> int:
    return sum(it.info["cmdline"] in [["sleep", str(n)] for n in seconds] for it in psutil.process_iter(["cmdline"]))


def comes(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_what_it_leaves_behind_ends_with_it(house: House) -> None:
    said = house.run(*SH, "setsid sleep 876504 </dev/null >/dev/null 2>&1 & echo left")
    assert said == Said(0, "", b"left\n", b"")
    assert not running(876504)


def test_nothing_stays_when_whoever_came_goes_away(house: House) -> None:
    inside = house.enter(*SH, LEAVES)
    comes(lambda: running(876501, 876502, 876503) == 3, "all three run")
    inside.notes.close()
    for it in inside.descriptors:
        os.close(it)
    comes(lambda: not running(876501, 876502, 876503), "all three are gone")


def test_nothing_stays_when_the_doorman_is_killed(house: House, sandboxes: Layout) -> None:
    inside = house.enter(*SH, LEAVES)
    comes(lambda: running(876501, 876502, 876503) == 3, "all three run")
    (doorman,) = _doormen(f"{sandboxes.state}/production/desired")
    doorman.kill()
    assert end_of(inside) == {"status": 128 + signal.SIGKILL, "ended": "down"}
    comes(lambda: not running(876501, 876502, 876503), "all three are gone")
    assert house.run("echo", "again").out == b"again\n"


def _doormen(mark: str) -> list[psutil.Process]:
    """Those of one place that are nobody's child but the supervisor's."""
    found = []
    for process in psutil.process_iter(["cmdline", "ppid"]):
        with suppress(OSError):
            words = process.info["cmdline"] or []
            if "twinstage.inside.doorman" in words and mark in Path(f"/proc/{process.pid}/mountinfo").read_text():
                found.append(process)
    pids = {process.pid for process in found}
    return [process for process in found if process.info["ppid"] not in pids]


def shown(terminal: int, what: bytes) -> bytes:
    """What the terminal shows, up to that."""
    said = b""
    while what not in said:
        assert select.select([terminal], [], [], 30)[0], said
        said += os.read(terminal, 4096)
    return said


def test_a_terminal_is_one_of_the_instances_own(house: House) -> None:
    terminal = {"kind": "xterm-test", "rows": 33, "columns": 77}
    inside = house.enter("/bin/sh", terminal=terminal)
    (ours,) = inside.descriptors
    os.write(ours, b"stty size; echo $TERM; tty; cat\n")
    said = shown(ours, b"/dev/pts/")
    assert b"33 77" in said
    assert b"xterm-test" in said
    os.write(ours, b"here\n")
    shown(ours, b"here\r\nhere\r\n")
    os.write(ours, b"\x03")  # Ctrl-C ends cat, not the shell
    shown(ours, b"^C\r\n$ ")
    os.write(ours, b"exit 9\n")
    with suppress(OSError):  # the end of a terminal
        while os.read(ours, 4096):
            pass
    os.close(ours)
    assert end_of(inside) == {"status": 9, "ended": ""}


@pytest.fixture
def impatient(house: House, sandboxes: Layout) -> Iterator[Callable[..., Inside]]:
    """Lets in to production's instance as the doorman does, but for a second and a half in which nothing happens."""
    door = sandboxes.doors(Place.PRODUCTION) / "impatient.sock"
    first = keeper.running(sandboxes.core / "production.pid")
    python = Settings.read(sandboxes.state / "settings.json").python
    command = [python, "-m", "twinstage.inside.doorman", "--desired", "/desired", "--socket", f"/sockets/{door.name}"]
    entering = ["nsenter", "--target", str(first), "--user", "--mount", "--pid", "--ipc", "--uts", "--net"]
    # Who is not root may set no groups, and is the sandbox's root as he is.
    entering += ["--preserve-credentials"] if os.geteuid() else []
    deaf = ["env", "--ignore-signal=HUP"]  # as below `nohup twinstage up`
    running = subprocess.Popen([*deaf, *entering, "--", *command, "--idle", "1.5"], cwd="/")

    def enter(*command: str, terminal: dict[str, Any] | None = None) -> Inside:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(door))
        notes = Notes(connection)
        notes.send(id=parse_instance(house.orders)[1], command=list(command), terminal=terminal)
        told, descriptors = notes.receive(20)
        assert told["ok"], told
        return Inside(notes=notes, descriptors=descriptors)

    try:
        comes(door.exists, "it listens")
        yield enter
    finally:
        for child in psutil.Process(running.pid).children():  # nsenter hands no signal on
            child.terminate()
        running.wait(20)
        door.unlink(missing_ok=True)


def test_what_does_nothing_ends_at_pipes_and_at_a_terminal(impatient: Callable[..., Inside]) -> None:
    terminal = {"kind": "xterm", "rows": 24, "columns": 80}
    for inside, why in ((impatient("cat"), "silent"), (impatient("cat", terminal=terminal), "idle")):
        said = end_of(inside)
        assert (said["ended"], said["status"]) == (why, 128 + signal.SIGHUP)
        close(inside.descriptors)


def test_what_works_on_is_left_alone_at_pipes(impatient: Callable[..., Inside]) -> None:
    """For twice as long as it may do nothing: it shows nothing, and what it reads is no pipe of the visitor's."""
    script = "for it in 1 2 3 4 5 6; do sleep 0.5; read -r _ </proc/self/stat; done; exit 7"
    inside = impatient(*SH, script)
    assert end_of(inside) == {"status": 7, "ended": ""}
    close(inside.descriptors)


def test_it_ends_with_its_instance_and_there_is_nobody_to_visit_then(house: House) -> None:
    inside = house.enter("sleep", "876505", at=house.payments)
    comes(lambda: running(876505) == 1, "it runs")
    key_of = house.workloads[1].key
    house.local.runtime.delete_workload(key_of, house.local.fence)
    assert end_of(inside) == {"status": 128 + signal.SIGKILL, "ended": "instance"}
    house.local.settle(lambda: key_of not in house.local.runtime.observe(Ecosystem.STAGING).workloads)
    with pytest.raises(Shut, match="it does not run"):
        house.enter("true", at=house.payments)
    for it in inside.descriptors:
        os.close(it)
