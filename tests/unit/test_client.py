"""The client: readable trouble, bounded patience, and nothing asked twice by accident."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from face_company import Company, Served

from twinstage import wire
from twinstage.client import Broken, Client, Refused, Unreachable


class Clock:
    """Goes on only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with Served() as it:
        yield it


@pytest.fixture
def served(running: Served, tmp_path: Path) -> Iterator[Served]:
    running.show(Company(tmp_path))
    yield running
    running.company.store.close()


def client(path: Path, clock: Clock, **more: object) -> Client:
    return Client(path, name="shop", clock=clock, sleep=clock.sleep, **more)  # type: ignore[arg-type]


def test_a_company_that_is_not_up_is_told_at_once(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "api" / "api.sock"
    with client(path, clock) as it, pytest.raises(Unreachable) as told:
        it.status()
    assert str(told.value) == (
        f"cannot reach the controller of shop: nothing listens on {path}; start it with `twinstage up`"
    )
    assert clock.slept == 0


def test_a_controller_that_restarts_is_waited_for_as_long_as_patience_lasts(tmp_path: Path) -> None:
    clock, said = Clock(), list[str]()
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))  # bound and not listening: what a killed controller leaves behind
        with client(path, clock, patience=15.0, notice=said.append) as it, pytest.raises(Unreachable) as told:
            it.status()
    assert 15 <= clock.now < 17
    assert "tried for 15 s" in str(told.value)
    assert said == ["the controller of shop does not answer; trying for 15 s"]


def test_a_controller_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    company = Company(tmp_path)
    clock = Clock()
    with Served(company) as running:
        path = running.path
        running.stop()
        with socket.socket(socket.AF_UNIX) as dead:
            path.unlink(missing_ok=True)
            dead.bind(str(path))

        def comes_back(seconds: float) -> None:
            clock.sleep(seconds)
            if clock.slept == 3:
                path.unlink()
                running.start()

        with Client(path, name="shop", clock=clock, sleep=comes_back) as it:
            assert it.status().ecosystem == "shop"
        assert clock.slept == 3
    company.store.close()


def test_a_mutation_that_is_sent_again_keeps_its_key(served: Served) -> None:
    keys = iter(["k" * 20, "k" * 20])
    with Client(served.path, new_key=lambda: next(keys)) as it:
        first = it.resume("orders", by="ada", why="well again")
        again = it.resume("orders", by="ada", why="well again")
    assert first == again
    assert len(served.company.store.intents()) == 1


def test_a_refusal_carries_the_problem(served: Served) -> None:
    with Client(served.path) as it, pytest.raises(Refused) as told:
        it.service("order")
    assert told.value.problem.hint == "did you mean orders?"


def test_names_with_slashes_stay_one_name(served: Served) -> None:
    with Client(served.path) as it, pytest.raises(Refused) as told:
        it.service("../status")
    assert told.value.problem.status == 404


def test_trouble_of_the_controller_is_not_a_refusal(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> list[object]:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(served.company.store, "rollouts", broken)
    with Client(served.path) as it, pytest.raises(Broken, match="out of luck"):
        it.status()


def test_waiting_for_an_answer_is_bounded(served: Served) -> None:
    clock = Clock()
    with client(served.path, clock) as it:
        asked = it.resume("orders", by="ada", why="x")

        def later(_intent: str, *, wait: float = 0) -> wire.Intent:
            clock.sleep(wait)
            return asked

        it.intent = later  # type: ignore[method-assign]
        with pytest.raises(Broken, match=r"not answered for 60 s"):
            it.answered(asked)


def test_logs_are_streamed_from_an_offset(served: Served) -> None:
    served.company.runtime.logs["ro_1.build.build.0.1"] = b"one\ntwo\n"
    with Client(served.path) as it:
        assert b"".join(it.log("ro_1.build.build.0.1", 4)) == b"two\n"
        with pytest.raises(Refused):
            list(it.log("nothing"))
