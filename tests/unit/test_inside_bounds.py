"""What is watched where the kernel alone does not bound it: a job's room, an instance's processes and memory."""

import os
from pathlib import Path

import pytest

from twinstage.inside import warden
from twinstage.inside.room import Room
from twinstage.inside.warden import Process, Warden
from twinstage.model.bounds import Bounds
from twinstage.runtime.local.gives import Gives, limits
from twinstage.runtime.local.sandbox import scripts

LAUNCH = "/desired/launch"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_room_is_looked_at_when_it_is_time_to_and_links_lead_nowhere(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "below/deeper").mkdir(parents=True)
    (tmp_path / "below/loop").symlink_to("/usr")
    room = Room(tmp_path, 1 << 20, clock)
    assert not room.exceeded()
    (tmp_path / "below/deeper/large").write_bytes(b"x" * (2 << 20))
    assert not room.exceeded(), "not yet"
    clock.now = room.due
    assert room.exceeded()
    assert room.due > clock.now
    (tmp_path / "below/deeper/large").unlink()
    clock.now = room.due
    assert not room.exceeded()


def told(proc: Path, pid: int, *, words: str = "", inside: bool = True, anon: int = 0, shmem: int = 0) -> None:
    here = proc / str(pid)
    here.mkdir(parents=True)
    (here / "cmdline").write_bytes(words.replace(" ", "\0").encode() + b"\0")
    names = f"{pid}\t{1}" if inside else str(pid)
    (here / "status").write_text(
        f"Name:\tx\nNSpid:\t{names}\nThreads:\t2\nRssAnon:\t{anon} kB\nRssShmem:\t{shmem} kB\n"
    )


SEEN = {
    pid: Process(pid=pid, parent=parent, session=1)
    for pid, parent in {1: 0, 10: 1, 11: 10, 12: 11, 13: 12, 20: 1, 21: 20, 22: 21, 30: 13}.items()
}


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """An instance below its launcher 10, a job below its wrapper 20, and a process that calls itself a launcher."""
    told(tmp_path, 1, words="supervisord", inside=False)
    told(tmp_path, 10, words=f"/bin/sh {LAUNCH} orders.0 wire", inside=False)
    told(tmp_path, 11, words=f"/bin/sh {LAUNCH} orders.0 wire", inside=False)
    told(tmp_path, 12, words="init", anon=1000, shmem=500)
    told(tmp_path, 13, words=f"/bin/sh {LAUNCH} payments.0 wire", anon=1000, shmem=600)
    told(tmp_path, 20, words="python wrapper", inside=False)
    told(tmp_path, 21, words=f"/bin/sh {LAUNCH} job.1 alone", inside=False)
    told(tmp_path, 22, words="init")
    told(tmp_path, 30, words="sh")
    return tmp_path


def test_whose_a_process_is_its_ancestors_say(proc: Path) -> None:
    assert warden.launchers(SEEN, LAUNCH, proc) == {10: "orders.0", 21: "job.1"}
    assert sorted(warden.below(SEEN, 10)) == [11, 12, 13, 30]


def test_what_is_shared_counts_once(proc: Path) -> None:
    taken = warden.taken(list(warden.below(SEEN, 10)), proc)
    assert taken.memory == (1000 + 1000 + 600) << 10
    assert (taken.processes, taken.first) == (6, 12), "bubblewrap outside is none of it"
    assert warden.taken([99], proc).processes == 0, "it has just ended"


def test_what_people_who_were_let_in_started_counts_where_it_is(tmp_path: Path) -> None:
    """20 is the doorman, 21 a visit, 22 who is host to it in the instance, 23 and 24 what was started."""
    parents = {1: 0, 20: 1, 21: 20, 22: 21, 23: 22, 24: 23, 30: 1, 31: 30, 32: 31}
    seen = {pid: Process(pid=pid, parent=parent, session=1) for pid, parent in parents.items()}
    for pid in parents:
        told(tmp_path, pid, words="python -m twinstage.inside.doorman" if pid in (20, 21, 22, 32) else "sh")
        (tmp_path / str(pid) / "ns").mkdir()
        (tmp_path / str(pid) / "ns/pid").symlink_to("pid:[7]" if pid in (22, 23, 24) else "pid:[1]")
    assert warden.visitors(seen, tmp_path) == {"pid:[7]": [23, 24]}


def test_groups_whose_launcher_is_gone_go_and_the_empty_one_of_one_that_just_came_stays(tmp_path: Path) -> None:
    ours = f"orders.0.{os.getpid()}"
    for name in (f"memory/{ours}", "memory/orders.0.4000000", "cpu/payments.0.4000000"):
        (tmp_path / name).mkdir(parents=True)
    keeper = Warden(tmp_path, tmp_path, nice=0, kill=False, groups=tmp_path)
    keeper._tidy()
    assert [path.name for path in tmp_path.glob("*/*.*")] == [ours]


def test_what_the_first_process_takes_upon_itself() -> None:
    said = scripts.limits(Bounds(memory=64 << 20, processes=9, files=99), data=True, adjust=300, fsize=1 << 20, nice=5)
    assert said.splitlines() == [
        "ulimit -d 65536",
        "ulimit -c 0",
        'ulimit -n 99 2>/dev/null || ulimit -n "$(ulimit -H -n)"',
        "ulimit -u 9 2>/dev/null || ulimit -p 9",
        "ulimit -f 2048",
        "echo 300 >/proc/self/oom_score_adj",
        "{ echo 5 >/proc/self/autogroup; } 2>/dev/null",
    ]
    plain = scripts.limits(Bounds(), data=False, adjust=300, fsize=1, nice=0)
    assert "ulimit -d" not in plain
    assert "autogroup" not in plain


def test_what_is_not_in_force_says_what_it_would_take() -> None:
    root = list(limits(Gives(memory="m", cpu="c", sessions=True)))
    plain = list(limits(Gives(sessions=True, files=1024)))
    lacking = {it.what: it.how for it in plain if not it.in_force}
    assert {it.what for it in root if not it.in_force} == {"a job's working copy, at once"}
    assert set(lacking) == {
        "memory of all its processes, at once",
        "4,096 open files",
        "a job's working copy, at once",
        "staging and builds behind production, whatever a program does",
    }
    assert "ulimit -H -n 4096" in lacking["4,096 open files"]
    assert all(it.how for it in (*root, *plain))
