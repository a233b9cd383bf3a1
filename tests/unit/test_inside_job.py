"""The job wrapper: once, in time, and with a result, whatever happens."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twinstage.inside.export import Unusable, remove, unpack
from twinstage.inside.joblog import JobLog
from twinstage.inside.seal import digest

HOW = "import os,sys;print(os.getcwd());print(repr(sys.stdin.read()));print(sorted(os.environ));print(oct(os.umask(0)))"


class Wrapper:
    """One job's directory and the wrapper on it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.directory = place / "state" / "jobs" / "j1"
        self.spec: dict[str, Any] = {
            "id": "j1",
            "directory": str(self.directory),
            "limit": 20,
            "source": None,
            "unpack": None,
            "seal": None,
            "log_bytes": 4096,
            "environment": {"PATH": os.environ["PATH"]},
        }
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *argv: str, **more: Any) -> subprocess.Popen[str]:
        file = self.place / "spec.json"
        file.write_text(json.dumps(self.spec | {"argv": argv} | more))
        child = subprocess.Popen(
            [sys.executable, "-m", "twinstage.inside.job", str(file)], stderr=subprocess.PIPE, text=True
        )
        self.running.append(child)
        return child

    def run(self, *argv: str, **more: Any) -> dict[str, Any]:
        child = self.start(*argv, **more)
        _, errors = child.communicate(timeout=20)
        assert (child.returncode, errors) == (0, "")
        return self.result

    @property
    def result(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.directory / "result.json").read_text())
        return read

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Wrapper]:
    wrapper = Wrapper(tmp_path)
    yield wrapper
    for child in wrapper.running:
        child.kill()
        child.communicate()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A job writes a line here to say that it has come so far."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def pack(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o664, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.linkname = kind, mode, link
    return made


def test_a_command_runs_in_just_the_environment_it_was_given(job: Wrapper) -> None:
    result = job.run(sys.executable, "-Ic", HOW, environment={"PATH": "/usr/bin", "LC_ALL": "C.UTF-8"})
    assert job.log == "/\n''\n['LC_ALL', 'PATH']\n0o22\n"
    assert result["result"] == "succeeded"
    assert result["exit_status"] == 0
    assert result["output"] == {}
    assert result["started"] <= result["ended"]
    assert result["started"].endswith("+00:00")
    assert (job.directory / "log").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in job.directory.iterdir()) == ["log", "result.json", "started.json"]


def test_an_exit_status_is_the_releases_failure(job: Wrapper) -> None:
    result = job.run("sh", "-c", "echo no >&2; exit 3")
    assert (result["result"], result["exit_status"], job.log) == ("failed", 3, "no\n")


def test_a_signal_is_named(job: Wrapper) -> None:
    result = job.run("sh", "-c", "kill -SEGV $$")
    assert (result["result"], result["exit_status"], result["detail"]) == ("failed", 139, "ended by SIGSEGV")


@pytest.mark.parametrize(
    "argv",
    [
        ("/nowhere/bwrap",),
        ("sh", "-c", "echo 'bwrap: Creating new namespace failed' >&2; exit 1"),
        ("sh", "-c", "echo 'twinstage: no network for j1 after 30 s' >&2; exit 70"),
    ],
)
def test_a_sandbox_that_cannot_be_made_is_the_platforms_trouble(job: Wrapper, argv: tuple[str, ...]) -> None:
    assert job.run(*argv)["result"] == "lost"


def test_what_is_our_own_work_blames_nobodys_release(job: Wrapper) -> None:
    result = job.run("sh", "-c", "echo working; echo 'twinstage: cannot prepare' >&2; exit 1", ours=True)
    assert (result["result"], result["exit_status"], job.log) == ("lost", 1, "working\ntwinstage: cannot prepare\n")


BEFORE, AFTER = "b" * 64, "a" * 64


def measuring(place: Path, *, fails: str = "") -> list[str]:
    """Tells BEFORE until the command has left a mark, and then AFTER, or it ``fails``."""
    after = f"echo '{fails}'; exit 1" if fails else f"echo schema {AFTER}"
    told = f"if [ -e {place}/mark ]; then {after}; else echo schema {BEFORE}; fi"
    return ["sh", "-c", f"echo noise; echo server $(cat {place}/restarted 2>/dev/null || echo first); {told}"]


@pytest.mark.parametrize(("status", "result"), [(0, "succeeded"), (3, "failed")])
def test_a_migration_is_measured_however_it_ends(job: Wrapper, tmp_path: Path, status: int, result: str) -> None:
    ended = job.run("sh", "-c", f"touch {tmp_path}/mark; exit {status}", measure=measuring(tmp_path))
    assert (ended["result"], ended["exit_status"]) == (result, status)
    assert ended["output"] == {"schema_before": BEFORE, "schema_after": AFTER}
    assert job.log == ""


def test_a_migration_that_cannot_be_measured_first_is_not_begun(job: Wrapper, tmp_path: Path) -> None:
    ended = job.run("touch", f"{tmp_path}/mark", measure=["sh", "-c", "echo 'twinstage: no server'; exit 1"])
    assert (ended["result"], ended["output"]) == ("lost", {})
    assert ended["detail"] == "cannot measure the database's schema: twinstage: no server"
    assert not (tmp_path / "mark").exists()


def test_a_migration_that_cannot_be_measured_afterwards_is_lost_with_what_was_before(
    job: Wrapper, tmp_path: Path
) -> None:
    ended = job.run("touch", f"{tmp_path}/mark", measure=measuring(tmp_path, fails="no server"))
    assert (ended["result"], ended["output"]) == ("lost", {"schema_before": BEFORE})
    assert "no server" in ended["detail"]


def test_what_the_servers_own_end_makes_fail_is_the_platforms_trouble(job: Wrapper, tmp_path: Path) -> None:
    command = f"touch {tmp_path}/mark; echo again >{tmp_path}/restarted; exit 2"
    ended = job.run("sh", "-c", command, measure=measuring(tmp_path))
    assert (ended["result"], ended["exit_status"]) == ("lost", 2)
    assert ended["detail"] == "exit status 2; the database server was started again meanwhile"
    assert ended["output"] == {"schema_before": BEFORE, "schema_after": AFTER}


def test_a_migration_that_is_killed_is_lost_with_what_was_before(job: Wrapper, tmp_path: Path, fifo: Path) -> None:
    argv = ("sh", "-c", f"echo $$ > {fifo}; exec cat {fifo}")
    running = job.start(*argv, measure=measuring(tmp_path))
    child = int(fifo.read_text())
    running.kill()
    running.wait()
    os.kill(child, signal.SIGKILL)
    ended = job.run(*argv, measure=measuring(tmp_path))
    assert (ended["result"], ended["output"]) == ("lost", {"schema_before": BEFORE})


def test_it_never_runs_twice(job: Wrapper, tmp_path: Path) -> None:
    argv = ("sh", "-c", f"echo ran >> {tmp_path}/marks")
    first = job.run(*argv)
    assert job.run(*argv) == first
    assert (tmp_path / "marks").read_text() == "ran\n"


def test_killed_in_the_middle_it_is_lost_and_not_run_again(job: Wrapper, tmp_path: Path, fifo: Path) -> None:
    work = tmp_path / "work"
    source = pack(tmp_path / "x.tar", (entry("a"), b"a"))
    argv = ("sh", "-c", f"echo ran >> {tmp_path}/marks; echo $$ > {fifo}; exec cat {fifo}")
    running = job.start(*argv, source=str(source), unpack=str(work))
    child = int(fifo.read_text())
    running.kill()
    running.wait()
    os.kill(child, signal.SIGKILL)
    assert (work / "a").exists()
    result = job.run(*argv, source=str(source), unpack=str(work))
    assert result["result"] == "lost"
    assert result["exit_status"] is None
    assert (tmp_path / "marks").read_text() == "ran\n"
    assert not work.exists()


def test_a_second_start_while_the_first_runs_leaves_it_alone(job: Wrapper, fifo: Path) -> None:
    argv = ("sh", "-c", f"echo here > {fifo}; cat {fifo}")
    running = job.start(*argv)
    assert fifo.read_text() == "here\n"
    second = job.start(*argv)
    assert second.wait(timeout=20) == 0
    assert not (job.directory / "result.json").exists()
    fifo.write_text("go on\n")
    assert running.wait(timeout=20) == 0
    assert (job.result["result"], job.log) == ("succeeded", "go on\n")


def test_the_limit_ends_it(job: Wrapper) -> None:
    result = job.run("sleep", "60", limit=0.2)
    assert (result["result"], result["exit_status"]) == ("timed-out", 143)
    assert "limit of 0.2 s" in result["detail"]


def test_the_limit_ends_also_what_does_not_listen_and_what_it_left_behind(job: Wrapper) -> None:
    result = job.run("sh", "-c", "trap '' TERM; sleep 60 & while :; do wait; done", limit=0.2, grace=0.1)
    assert (result["result"], result["exit_status"]) == ("timed-out", 137)


def test_output_held_open_by_a_straggler_does_not_hold_the_job(job: Wrapper) -> None:
    assert job.run("sh", "-c", "sleep 60 & echo done")["result"] == "succeeded"
    assert job.log == "done\n"


def test_told_to_stop_it_stops(job: Wrapper, fifo: Path) -> None:
    running = job.start("sh", "-c", f"echo here > {fifo}; exec sleep 60")
    assert fifo.read_text() == "here\n"
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=20) == 0
    assert job.result["result"] == "stopped"


def test_a_long_log_keeps_beginning_and_end(job: Wrapper) -> None:
    job.run(sys.executable, "-Ic", "print('first'); [print(i) for i in range(100000)]; print('last')")
    assert job.log.startswith("first\n0\n1\n")
    assert job.log.endswith("99999\nlast\n")
    assert "bytes left out" in job.log
    assert len(job.log) < 4096 + 100


@pytest.mark.parametrize("size", [0, 1, 5, 10, 11, 500])
@pytest.mark.parametrize("step", [1, 7, 500])
def test_a_log_is_whole_up_to_its_limit(tmp_path: Path, size: int, step: int) -> None:
    data = bytes(i % 251 for i in range(size))
    with JobLog(tmp_path / "log", 10) as log:
        for at in range(0, size, step):
            log.write(data[at : at + step])
    written = (tmp_path / "log").read_bytes()
    if size <= 10:
        assert written == data
    else:
        middle = b"\n... %d bytes left out: the log is longer than is kept ...\n" % (size - 10)
        assert written == data[:5] + middle + data[-5:]


def test_a_build_is_sealed_where_it_was_built(job: Wrapper, tmp_path: Path) -> None:
    built = tmp_path / "artifacts" / "abc"
    source = pack(tmp_path / "x.tar", (entry("bin", tarfile.DIRTYPE), b""), (entry("bin/run", mode=0o775), b"#!"))
    built.mkdir(parents=True)
    (built / "unfinished").write_text("from an earlier attempt")
    argv = ("sh", "-c", f"umask 077; echo built > {built}/out")
    result = job.run(*argv, source=str(source), unpack=str(built), seal=str(built))
    assert result["result"] == "succeeded"
    assert result["output"] == {"digest": digest(built)}
    assert sorted(path.name for path in built.iterdir()) == ["bin", "out"]
    assert (built / "out").stat().st_mode & 0o777 == 0o644
    assert (built / "bin" / "run").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("command", ["exit 1", "mkfifo $OUT/pipe", "ln -s /var/secret $OUT/link"])
def test_a_failed_build_leaves_nothing(job: Wrapper, tmp_path: Path, command: str) -> None:
    built = tmp_path / "abc"
    source = pack(tmp_path / "x.tar", (entry("a"), b"a"))
    environment = {"PATH": os.environ["PATH"], "OUT": str(built)}
    result = job.run(
        "sh", "-c", command, source=str(source), unpack=str(built), seal=str(built), environment=environment
    )
    assert result["result"] == "failed"
    assert result["detail"]
    assert not built.exists()


def test_the_working_copy_goes_also_when_it_was_made_read_only(job: Wrapper, tmp_path: Path) -> None:
    source = pack(tmp_path / "x.tar", (entry("d", tarfile.DIRTYPE), b""), (entry("d/a"), b"a"))
    command = f"cd {tmp_path}/work && chmod 0 d/a && chmod 0 d && chmod 0 ."
    result = job.run("sh", "-c", command, source=str(source), unpack=str(tmp_path / "work"))
    assert result["result"] == "succeeded"
    assert not (tmp_path / "work").exists()


def test_an_export_that_cannot_be_read_is_the_platforms_trouble(job: Wrapper, tmp_path: Path) -> None:
    assert job.run("true", source=str(tmp_path / "none.tar"), unpack=str(tmp_path / "w"))["result"] == "lost"


def test_a_spec_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text("{}")
    argv = [sys.executable, "-m", "twinstage.inside.job", str(tmp_path / "spec.json")]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "cannot run the job of" in ended.stderr


@pytest.mark.parametrize(
    "bad",
    [
        entry("/etc/passwd"),
        entry("../outside"),
        entry("link", tarfile.SYMTYPE, link="/etc/passwd"),
        entry("link", tarfile.SYMTYPE, link="../outside"),
        entry("hard", tarfile.LNKTYPE, link="a"),
        entry("device", tarfile.CHRTYPE),
        entry("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda bad: f"{bad.name}-{bad.type.decode()}",
)
def test_an_export_cannot_write_elsewhere(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    source = pack(tmp_path / "x.tar", (entry("a"), b"a"), (bad, b""))
    with pytest.raises(Unusable, match=bad.name):
        unpack(source, tmp_path / "work" / "copy", lambda: False)
    assert not (tmp_path / "work" / "outside").exists()


def test_an_export_cannot_write_through_a_link_it_brought(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    source = pack(
        tmp_path / "x.tar",
        (entry("d", tarfile.DIRTYPE), b""),
        (entry("d/up", tarfile.SYMTYPE, link=".."), b""),
        (entry("d/up2", tarfile.SYMTYPE, link="up/.."), b""),
        (entry("d/up2/outside"), b"x"),
    )
    with pytest.raises(Unusable):
        unpack(source, tmp_path / "work" / "copy", lambda: False)
    assert list((tmp_path / "work").iterdir()) == [tmp_path / "work" / "copy"]


def test_removing_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir(mode=0o500)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    remove(tmp_path / "tree")
    remove(tmp_path / "tree")
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o500
