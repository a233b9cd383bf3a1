"""Every wall around an instance stands, is missed where it is taken away, and is the only one that is missed then."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from contract.bench import key
from contract.local_bench import LocalBench
from contract.standing import lacks
from contract.wall_removals import REMOVALS
from twinstage.model.names import Ecosystem, Place
from twinstage.model.workload import Workload
from twinstage.runtime.local import instance
from twinstage.runtime.local.instance import Stand
from twinstage.runtime.local.layout import Layout

pytestmark = pytest.mark.real

MARK = "WALL"
"""The variable by which a program is found again: it names what was taken away."""
STANDS = "exec sleep 3600"


@pytest.fixture(scope="module")
def pliable(sandboxes: Layout) -> Iterator[None]:
    """A launcher that does for an instance what its own file ``removed`` says."""
    path = sandboxes.desired(Place.STAGING) / "launch"
    kept, mode = path.read_text(), path.stat().st_mode
    text = kept
    defaults = 'first=--as-pid-1 filter="--seccomp 9"; [ -e "$here/removed" ] && . "$here/removed"'
    for old, new in (
        ('exec 8<"$here/arguments" 9<', f'{defaults}\nexec 8<"$here/arguments" 9<'),
        (" --seccomp 9 ", " $filter "),
        (" --as-pid-1 ", " $first "),
    ):
        assert text.count(old) == 1, f"the launcher has no {old!r} any more"
        text = text.replace(old, new)
    path.chmod(mode | 0o200)
    path.write_text(text)
    yield
    path.write_text(kept)
    path.chmod(mode)


def found(local: LocalBench, name: str) -> int:
    """The pid of the program that carries this mark, as soon as it runs."""
    mark, pids = f"{MARK}={name}\0".encode(), list[int]()

    def runs() -> bool:
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                if process.cmdline()[:1] == ["sleep"] and mark in Path(f"/proc/{process.pid}/environ").read_bytes():
                    pids.append(process.pid)
        return bool(pids)

    local.settle(runs)
    return pids[0]


@pytest.fixture(scope="module")
def first(sandboxes: Layout) -> int:
    """The first process of staging's sandbox, by the machine's count."""
    for process in psutil.process_iter(["cmdline"]):
        said = process.info["cmdline"] or [""]
        with suppress(OSError):
            ours = mounted(process.pid, sandboxes.desired(Place.STAGING))
            if ours and said[-1] == "/desired/supervisord.conf" and "bwrap" not in said[0]:
                return int(process.pid)
    raise AssertionError("staging has no first process")


def mounted(pid: int, directory: Path) -> bool:
    return f"{directory} /desired " in Path(f"/proc/{pid}/mountinfo").read_text()


@pytest.fixture(scope="module")
def missed(sandboxes: Layout, pliable: None, first: int) -> Mapping[str, set[str]]:
    """What one instance that is whole lacks, and one without each wall: all of them at once."""
    local, whole, names = LocalBench(sandboxes), instance.of_workload, ("whole", *REMOVALS)

    def stand(workload: Workload, *given: Any) -> Stand:
        made, removal = whole(workload, *given), REMOVALS.get(workload.env.get(MARK, ""))
        if removal is None:
            return made
        files = {**made.files, **removal.files, "removed": removal.launch}
        return replace(made, arguments=removal.arguments(list(made.arguments)), files=files)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(instance, "of_workload", stand)
        for number, name in enumerate(names):
            which = key("orders", f"r_{number:012}", Ecosystem.STAGING)
            local.runtime.put_workload(replace(local.workload(which, STANDS, 1), env={MARK: name}), local.fence)
        try:
            return {name: lacks(found(local, name), first, frozenset({MARK})) for name in names}
        finally:
            local.clean()


def test_an_instance_has_every_wall(missed: Mapping[str, set[str]]) -> None:
    assert missed["whole"] == set()


def test_a_job_has_every_wall(local: LocalBench, sandboxes: Layout) -> None:
    local.runtime.put_job(local.command(f"exec env {MARK}=job {STANDS.removeprefix('exec ')}"), local.fence)
    pid = found(local, "job")
    outer = [p.pid for p in psutil.Process(pid).parents() if mounted(p.pid, sandboxes.desired(Place.WORKSHOP))]
    assert lacks(pid, outer[-1], frozenset({MARK})) == set()


def test_a_program_outside_is_seen_to_have_none(first: int) -> None:
    """So each of them can be missed, also what bubblewrap always makes and cannot be told to leave out."""
    with subprocess.Popen(["sleep", "3600"], env={"LEFT": "by somebody"}) as bare:
        try:
            seen = lacks(bare.pid, first)
        finally:
            bare.kill()
    assert {"mounts of its own", "no new privileges", "the filter of system calls", "users of its own"} <= seen


@pytest.mark.parametrize("name", REMOVALS)
def test_a_wall_that_is_taken_away_is_missed_and_no_other(missed: Mapping[str, set[str]], name: str) -> None:
    assert missed[name] == REMOVALS[name].lacks
