"""The five acts on the real thing: as whoever runs the tests, and as an ordinary user from a fresh clone.

The first play's controller is killed twice, in the middle of act 2 and of act 4: nothing may be lost, done twice, or felt.
"""

import collections
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from acceptance_person import Person
from acceptance_traces import left_behind, processes, until

from twinstage.client import Client, ClientTrouble
from twinstage.store.store import Store

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


class Killer(threading.Thread):
    """Kills the controller with SIGKILL, once for each service, as soon as a release of it is seen in canary."""

    def __init__(self, root: Path, services: list[str]) -> None:
        super().__init__(daemon=True)
        self._root, self._left, self.killed = root, list(services), list[int]()
        self._enough = threading.Event()

    def run(self) -> None:
        socket = self._root / "run" / "shop" / "api" / "api.sock"
        while self._left and not self._enough.wait(0.1):
            if socket.exists() and self._in_canary(socket):
                for controller in processes(self._root, "twinstage.daemon"):
                    controller.send_signal(signal.SIGKILL)
                    self.killed.append(controller.pid)
                self._left.pop(0)

    def _in_canary(self, socket: Path) -> bool:
        try:
            with Client(socket, name="shop", patience=1.0) as client:
                return any(r.state == "canary" for r in client.rollouts(service=self._left[0]))
        except ClientTrouble:
            return False  # not up yet, or being started again

    def stop(self) -> None:
        self._enough.set()
        self.join(10)


def play(person: Person, name: str) -> str:
    """The whole play by the README's command; what it said. Fails when an act is not proved."""
    said = person.root / f"{name}.log"
    with person.start("script/demo", "--fresh", "--exit", "--directory", str(person.root / "demo"), out=said) as acting:
        try:
            acting.wait(500)
        except subprocess.TimeoutExpired:
            acting.send_signal(signal.SIGINT)
            acting.wait(60)
    text = said.read_text()
    assert acting.returncode == 0, text[-8000:]
    assert text.count("✔ proved in") == 5, text[-8000:]
    return text


def nothing_is_left(person: Person) -> None:
    assert not left_behind(person.root)
    assert not (person.root / "run").exists(), "sockets are left"
    assert f"{person.root}/" not in Path("/proc/self/mountinfo").read_text(), "mounts are left"


def journal(person: Person) -> Store:
    return Store(person.root / "state" / "shop" / "store" / "store.sqlite")


def test_five_acts_with_a_controller_killed_in_two_of_them(somebody: Person) -> None:
    killer = Killer(somebody.root, ["pricing", "payments"])
    killer.start()
    try:
        text = play(somebody, "killed")
    finally:
        killer.stop()
    assert len(killer.killed) == 2, "the controller was not killed in both acts"
    assert "none failed" in text, "a request failed in act 2"
    nothing_is_left(somebody)
    store = journal(somebody)
    rows = store.journal(limit=100_000)
    starts = [row for row in rows if row.what == "controller"]
    assert len(starts) == 3, [row.why for row in starts]
    results = collections.Counter((row.rollout, row.after, row.why) for row in rows if row.what == "job")
    assert not [key for key, times in results.items() if times > 1], "a job's result was recorded twice"
    assert not store.rollouts(open_only=True)


def test_five_acts_by_an_ordinary_user_on_a_fresh_clone(ordinary: Person) -> None:
    text = play(ordinary, "play")
    assert "10 of 10" in text
    nothing_is_left(ordinary)


def test_a_second_play_goes_on_with_the_same_company(somebody: Person) -> None:
    """`up` continues where it was: the same releases answer, and the acts are played on top of them."""
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
    assert somebody.twinstage("down", "-e", "shop").returncode == 0
    nothing_is_left(somebody)
