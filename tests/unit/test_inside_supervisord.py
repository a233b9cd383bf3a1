"""supervisord as we start it loses no signal to a child that has not become its program yet, and survives a full disk."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from twinstage.runtime.local.supervisor import configuration
from twinstage.runtime.local.supervisor.client import Supervisor
from twinstage.runtime.runtime import Unavailable

TOLD = """
import os, select, signal, sys
from twinstage.inside.supervisord import HANDLED, Options

number = signal.Signals[sys.argv[1]]
options = Options()
options.setsignals()  # as supervisord does: handlers that only remember
reader, writer = os.pipe()
pid = options.fork()
if pid == 0:
    os.read(reader, 1)  # forked, and not its program yet
    os._exit(0)
os.kill(pid, number)
if not select.select([os.pidfd_open(pid)], [], [], 20)[0]:
    os.kill(pid, signal.SIGKILL)  # it has forgotten the signal
ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
held = signal.pthread_sigmask(signal.SIG_BLOCK, []) & set(HANDLED)
print(ended, sorted(held), signal.getsignal(number) == options.signal_receiver.receive)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_between_fork_and_exec_ends_the_child(number: signal.Signals) -> None:
    ran = subprocess.run([sys.executable, "-c", TOLD, number.name], capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == [str(-number), "[]", "True"], ran.stderr


LOG = """
import sys
from pathlib import Path
from supervisor.loggers import LevelsByName, LogRecord
from twinstage.inside.supervisord import Log

path = Path(sys.argv[1])
log = Log(str(path), maxBytes=10, backupCount=1)
(path.parent / "log.1").mkdir()  # as on a full disk, what stood there cannot be replaced
for line in ("one two three", "four", "five"):
    log.emit(LogRecord(LevelsByName.INFO, line + "\\n"))
(path.parent / "log.1").rmdir()
log.emit(LogRecord(LevelsByName.INFO, "six\\n"))
"""


def test_a_log_that_cannot_be_turned_over_goes_on(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LOG, str(tmp_path / "log")], check=True, timeout=60)
    assert (tmp_path / "log.1").read_text() == "one two three\nfour\nfive\nsix\n", "no line is lost meanwhile"


def test_a_full_disk_ends_neither_supervisord_nor_its_programs(tmp_path: Path) -> None:
    """/dev/full is a disk without room: every log there is on it, supervisord's own words too."""
    socket = tmp_path / "s.sock"
    main = configuration.main(socket=str(socket), state=str(tmp_path), include=str(tmp_path / "programs.conf"))
    full = main.replace(f"logfile={tmp_path}/supervisord.log", "logfile=/dev/full")
    assert full != main
    (tmp_path / "main.conf").write_text(full)
    talks = tmp_path / "talks.py"
    talks.write_text("import sys\nprint('here I am', flush=True)\nfor line in sys.stdin: pass\n")
    (tmp_path / "programs.conf").write_text(
        configuration.program("talks", [sys.executable, str(talks)], log="/dev/full")
    )
    with Path("/dev/full").open("wb") as out:
        command = [sys.executable, "-m", "twinstage.inside.supervisord", "-c", str(tmp_path / "main.conf")]
        with subprocess.Popen(command, stdout=out, stderr=out) as supervisord:
            try:
                asked = Supervisor(socket)
                until(lambda: asked.processes()["talks"].state == "RUNNING")
                before = asked.processes()["talks"].pid
                asked.stop("talks")
                until(lambda: asked.processes()["talks"].state == "STOPPED")
                asked.start("talks")
                until(lambda: asked.processes()["talks"].state == "RUNNING")
                assert asked.processes()["talks"].pid != before
                assert supervisord.poll() is None
            finally:
                supervisord.terminate()


def test_many_programs_start_at_once_and_have_no_descriptor_of_supervisords(tmp_path: Path) -> None:
    socket, programs = tmp_path / "s.sock", tmp_path / "programs"
    programs.mkdir()
    text = configuration.main(socket=str(socket), state=str(tmp_path), include=str(programs / "*.conf"))
    (tmp_path / "main.conf").write_text(text)
    leaked, mine = os.pipe()
    os.set_inheritable(leaked, True)  # as whoever starts supervisord may leave one open
    command = [sys.executable, "-m", "twinstage.inside.supervisord", "-c", str(tmp_path / "main.conf")]
    with (tmp_path / "out").open("wb") as out, subprocess.Popen(command, stdout=out, pass_fds=[leaked]) as supervisord:
        try:
            asked = Supervisor(socket)
            until(lambda: asked.processes() == {})
            names = [f"p.{number}" for number in range(12)]
            for name in names:
                log = f"{tmp_path}/{name}.log"
                text = configuration.program(name, ["/bin/ls", "/proc/self/fd"], log=log, once=True)
                (programs / f"{name}.conf").write_text(text)
            asked.add([*names[:3], "nobody wrote this one"])
            asked.add(names)
            until(lambda: {seen.state for seen in asked.processes().values()} == {"EXITED"})
            assert set(asked.processes()) == set(names)
            said = {(tmp_path / f"{name}.log").read_text() for name in names}
            assert said == {"0\n1\n2\n3\n"}, "its standard ones, and the directory that it lists"
        finally:
            supervisord.terminate()
            os.close(leaked)
            os.close(mine)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if true():
                return
        except Unavailable:
            pass  # it is starting
    raise AssertionError("it never came about")
