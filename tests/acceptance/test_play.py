"""The five acts on the real thing: as whoever runs the tests, and as an ordinary user from a fresh clone.

The first play's controller is killed again and again in the middle of act 2 and of act 4: nothing may be lost, done twice,
or felt. What is left of each in the journal is what the same acts leave in memory.
"""

import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from acceptance_person import Person
from acceptance_traces import job_starts, networks, processes, remains, until

from playbook.journal import Plain, plain
from playbook.shop import five_acts
from twinstage import wire
from twinstage.client import Client, ClientTrouble
from twinstage.model.job import JobKind, JobResult
from twinstage.runtime.local.naming import program_of_job
from twinstage.store.store import Store

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(600)]

WAY = ("building", "gating", "candidate", "staging", "verifying", "verified", "canary", "production")
MOMENTS = (
    ("orders", "verifying", 0),
    ("orders", "canary", 0),
    ("orders", "canary", 1),
    ("orders", "production", 1),
    ("payments", "gating", 0),
    ("payments", "canary", 1),
)
"""When the controller is killed: as soon as the newest release of the service has come so far, and is seen by so much of
production's traffic (percent, at least). The first four are in act 2, the others in act 4."""


class Watcher(threading.Thread):
    """Watches the play's company by its API, kills the controller with SIGKILL at each of the moments, and remembers in
    which network namespaces the company was."""

    def __init__(self, root: Path, moments: Sequence[tuple[str, str, int]] = ()) -> None:
        super().__init__(daemon=True)
        self._root, self._left = root, list(moments)
        self._socket = root / "run" / "shop" / "api" / "api.sock"
        self._enough = threading.Event()
        self.killed: list[str] = []
        self.networks: dict[str, float] = {}

    def run(self) -> None:
        while not self._enough.wait(0.1):
            if not self._socket.exists():
                continue
            if len(self.networks) < 20:
                self.networks |= networks(self._root)
            if self._left and (seen := self._come_so_far(*self._left[0])):
                self._kill(seen)

    def _kill(self, seen: wire.Rollout) -> None:
        controllers = processes(self._root, "twinstage.daemon")
        for controller in controllers:
            controller.send_signal(signal.SIGKILL)
        if psutil.wait_procs(controllers, timeout=30)[0]:
            self.killed.append(f"{seen.service} in {seen.state} at {seen.share} %")
            self._left.pop(0)

    def _come_so_far(self, service: str, state: str, share: int) -> wire.Rollout | None:
        try:
            with Client(self._socket, name="shop", patience=1.0) as client:
                newest = client.rollouts(service=service, limit=2)
        except ClientTrouble:
            return None  # not up yet, or being started again
        if len(newest) < 2 or newest[0].state not in WAY:  # each has one of act 1
            return None
        far = WAY.index(newest[0].state) >= WAY.index(state)
        return newest[0] if far and (not share or newest[0].exposed) else None

    def __enter__(self) -> "Watcher":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join(20)


def play(person: Person, name: str) -> str:
    """The whole play by the README's command; what it said. Fails when an act is not proved."""
    said = person.root / f"{name}.log"
    acting = person.start("script/demo", "--fresh", "--exit", "--directory", str(person.root / "demo"), out=said)
    try:
        acting.wait(400)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the play did not end within 400 s; it said\n{said.read_text()[-8000:]}")
    text = said.read_text()
    assert acting.returncode == 0, text[-8000:]
    assert text.count("✔ proved in") == 5, text[-8000:]
    assert "10 of 10" in text
    return text


def act(text: str, number: int) -> str:
    """What the play said in one act."""
    return text.partition(f"\nAct {number} ")[2].partition("✔ proved in")[0]


def journal(person: Person) -> Store:
    return Store(person.root / "state" / "shop" / "store" / "store.sqlite")


def plainly(person: Person) -> Plain:
    """From when the company's file came into force."""
    rows = journal(person).journal(limit=100_000)
    configured = next(number for number, row in enumerate(rows) if row.what == "intent")
    return plain(rows[configured + 1 :])


def alike(found: Plain, expected: Plain) -> None:
    """One by one, so that a failure shows what differs."""
    for about in sorted(found.keys() | expected.keys()):
        assert found.get(about) == expected.get(about), about


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """What the five acts leave in the journal of a company in memory."""
    return five_acts(tmp_path_factory.mktemp("memory") / "store.sqlite")


def test_five_acts_with_a_controller_that_is_killed_in_two_of_them(somebody: Person) -> None:
    with Watcher(somebody.root, MOMENTS) as watcher:
        text = play(somebody, "killed")
    assert len(watcher.killed) == len(MOMENTS), f"the controller was killed only with {watcher.killed}"
    assert ", 0 failed" in act(text, 2), "a request failed in act 2"
    assert not remains(somebody.root, watcher.networks)
    store = journal(somebody)
    rows = store.journal(limit=100_000)
    starts = [row.why for row in rows if row.what == "controller"]
    assert len(starts) == 1 + len(MOMENTS), starts
    assert not store.rollouts(open_only=True)
    ended = Counter(row.after.split()[0] for row in rows if row.what == "job" and row.after)
    assert {job: times for job, times in ended.items() if times > 1} == {}, "a job's result was recorded twice"


def test_no_job_of_that_play_ran_twice_or_was_lost(somebody: Person) -> None:
    jobs = [job for job in journal(somebody).jobs() if job.started is not None]
    assert len(jobs) > 50
    # The company may go down while the hourly probe is under way: it belongs to no release.
    shipped = [job for job in jobs if job.kind is not JobKind.PROBE]
    assert [job.id for job in shipped if job.result in (JobResult.LOST, None) or job.attempt > 1] == []
    starts = job_starts(somebody.root, "shop")
    assert {name: times for name, times in starts.items() if times > 1} == {}, "a job was started twice"
    assert set(starts) == {program_of_job(job.id) for job in jobs}


def test_its_journal_is_that_of_the_same_acts_in_memory(somebody: Person, in_memory: Plain) -> None:
    alike(plainly(somebody), in_memory)


def test_five_acts_by_an_ordinary_user_on_a_fresh_clone(ordinary: Person, in_memory: Plain) -> None:
    with Watcher(ordinary.root) as watcher:
        play(ordinary, "play")
    assert not remains(ordinary.root, watcher.networks)
    alike(plainly(ordinary), in_memory)


def test_the_company_of_an_earlier_play_goes_on(somebody: Person) -> None:
    """`up` continues where it was: the same releases answer, and all of it is mirrored."""
    before = {s: state.baseline for s, state in journal(somebody).services().items()}
    up = somebody.twinstage("up", str(somebody.root / "demo" / "ecosystem.yaml"))
    assert up.returncode == 0, up.stdout
    with Client(somebody.root / "run" / "shop" / "api" / "api.sock", name="shop") as client:
        status = until(
            lambda: s if (s := client.status()).mirror.mirrored == 10 else None,
            60,
            "all ten services to be mirrored again",
        )
        releases = {row.name: row.baseline.release for row in status.services if row.baseline}
    assert releases == before
    was = networks(somebody.root)
    assert somebody.twinstage("down", "-e", "shop").returncode == 0
    assert not remains(somebody.root, was)


def test_control_c_in_the_middle_of_the_play_stops_it_and_its_company(somebody: Person) -> None:
    said = somebody.root / "interrupted.log"
    arguments = ("script/demo", "--exit", "--directory", str(somebody.root / "demo"))
    with Watcher(somebody.root) as watcher:
        acting = somebody.start(*arguments, out=said, shell=True)
        until(lambda: "Act 1" in said.read_text() and watcher.networks, 60, "the play to have begun")
        somebody.interrupt(acting)
        acting.wait(60)
    text = said.read_text()
    assert acting.returncode == 130, text
    assert "interrupted" in text
    assert "Traceback" not in text
    assert not remains(somebody.root, watcher.networks)
