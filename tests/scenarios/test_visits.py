"""Somebody runs a command in an instance: asked for at a socket, written down first, ended by whoever goes away."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scenarios.company import Company
from scenarios.conftest import Found
from twinstage import wire
from twinstage.api.reception import AT_ONCE, LOST, Reception
from twinstage.client import Broken, Refused
from twinstage.client.visit import Visit
from twinstage.inside.exchange import NoNote, Notes
from twinstage.model.names import Ecosystem, InstanceId
from twinstage.model.rollout import IntentVerb
from twinstage.runtime.local.doorway import Inside, Shut


class Hall:
    """Stands for the ecosystems' doormen: each visit is a connection that the test holds the other end of."""

    def __init__(self) -> None:
        self.visits: list[Notes] = []
        self.asked: list[tuple[str, Sequence[str], Any]] = []
        self.shut = ""

    def enter(self, instance: InstanceId, command: Sequence[str], terminal: dict[str, Any] | None) -> Inside:
        self.asked.append((instance, command, terminal))
        if self.shut:
            raise Shut(self.shut)
        ours, theirs = socket.socketpair()
        self.visits.append(Notes(theirs))
        return Inside(
            notes=Notes(ours), descriptors=[os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(3)]
        )


class House:
    """A company with a reception, and its controller between the ticks."""

    def __init__(self, shop: Company, path: Path) -> None:
        self.shop, self.path, self.hall = shop, path, Hall()
        self.people = ThreadPoolExecutor(AT_ONCE + 2)
        self.open()
        (self.staging,) = self.instances(Ecosystem.STAGING)
        self.production = self.instances(Ecosystem.PRODUCTION)[0]

    def open(self) -> None:
        self.path.unlink(missing_ok=True)
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.door.bind(str(self.path))
        self.door.listen(16)
        reception = Reception(
            store=self.shop.store,
            latest=lambda: self.shop.controller.latest,
            wake=lambda: None,
            doorway=self.hall,
            now=lambda: self.shop.now,
            new_id=self.shop.outside.ids,
        )
        reception.open(self.door)

    def instances(self, ecosystem: Ecosystem) -> list[str]:
        seen = self.shop.controller.latest[ecosystem].workloads.values()
        return sorted(it.id for workload in seen for it in workload.instances)

    def visit(self, instance: str, *command: str, why: str = "") -> Visit:
        """Asks, and ticks until that is answered. Raises what the client raises."""
        asked = wire.Visiting(instance=instance, command=list(command), by="ada@build7", why=why)
        found: Future[Visit] = self.people.submit(Visit.begun, self.path, asked, name="shop")
        until(found.done, self.shop)
        return found.result()

    def lines(self) -> list[tuple[str, str, str | None, str | None]]:
        return [(row.who, row.why, row.service, row.after) for row in self.shop.lines("visit")]


@pytest.fixture
def house(company: Found) -> Iterator[House]:
    shop = company("orders")
    shop.ship("orders")
    shop.settle()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        made = House(shop, Path(folder) / "s")
        yield made
        for it in made.hall.visits:
            it.close()
        made.people.shutdown()
        until(lambda: len({line[3] for line in made.lines() if _begins(line[3])}) * 2 == len(made.lines()), shop)
        for it in threading.enumerate():
            if it.name == "visit":  # what it writes last comes into the store before that goes
                it.join(30)
                assert not it.is_alive()


def _begins(after: str | None) -> bool:
    return after is not None and after.startswith("inside ")


def until(condition: Callable[[], bool], shop: Company) -> None:
    """Ticks until it holds. It is other threads that are waited for, whose turn comes by the clock, not by the tick."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, shop.account()
        shop.tick()
        time.sleep(0.001)


def test_it_is_in_the_journal_before_it_begins_and_when_it_has_ended(house: House) -> None:
    visit = house.visit(house.staging, "sh", "-c", "echo 'it is'")
    assert house.hall.asked == [(house.staging, ["sh", "-c", "echo 'it is'"], None)]
    assert len(visit.descriptors) == 3
    ((who, why, service, after),) = house.lines()
    account = f"uid {os.geteuid()}"
    assert (who, service) == ("ada@build7", "orders")
    assert why == f"`sh -c 'echo '\"'\"'it is'\"'\"''` in {house.staging}, as {account}"
    assert after is not None
    assert after.startswith("inside ")
    assert house.shop.lines("visit")[0].release == house.shop.store.services()["orders"].baseline  # type: ignore[index]
    house.hall.visits[0].send(status=7, ended="")
    assert visit.end() == (7, "exit status 7")
    visit.close()
    until(lambda: len(house.lines()) == 2, house.shop)
    assert house.lines()[1][1:] == (f"{why.partition(', as')[0]}: exit status 7", "orders", "status 7")


def test_production_wants_a_reason(house: House) -> None:
    with pytest.raises(Refused, match="it is production's") as refused:
        house.visit(house.production, "sh")
    assert refused.value.problem.hint == "say why with --why, for the journal"
    assert not house.hall.asked
    visit = house.visit(house.production, "sh", why="it is slow")
    assert house.lines()[0][1].endswith("(because: it is slow)")
    visit.close()


def test_whoever_goes_away_ends_it(house: House) -> None:
    visit = house.visit(house.staging, "sh")
    visit.close()
    with pytest.raises(NoNote):
        house.hall.visits[0].receive(10)  # hung up on
    house.hall.visits[0].send(status=129, ended="left")
    until(lambda: len(house.lines()) == 2, house.shop)
    assert house.lines()[1][1].endswith(": whoever ran it went away")


def test_one_that_did_nothing_for_too_long_is_told_and_written_down(house: House) -> None:
    visit = house.visit(house.staging, "cat")
    house.hall.visits[0].send(status=129, ended="silent")
    words = "its processes neither read nor wrote anything for half an hour"
    assert visit.end() == (129, words)
    visit.close()
    until(lambda: len(house.lines()) == 2, house.shop)
    assert house.lines()[1][1] == f"`cat` in {house.staging}: {words}"


def test_an_instance_that_is_not_there_is_told_with_those_that_are(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.visit("staging.orders", "sh")
    assert refused.value.problem.status == 404
    assert house.staging in refused.value.problem.detail
    assert not house.lines()


def test_one_that_lets_nobody_in_is_told_and_written_down(house: House) -> None:
    house.hall.shut = "it does not run"
    with pytest.raises(Refused, match="it does not run"):
        house.visit(house.staging, "sh")
    until(lambda: len(house.lines()) == 2, house.shop)
    assert house.lines()[1][1].endswith(": it did not begin: it does not run")


def test_no_more_than_so_many_are_inside_at_once(house: House) -> None:
    visits = [house.visit(house.staging, "sh") for _ in range(AT_ONCE)]
    with pytest.raises(Broken, match=f"{AT_ONCE} are inside already"):
        house.visit(house.staging, "sh")
    house.hall.visits[0].send(status=0, ended="")
    assert visits[0].end()[0] == 0
    until(lambda: len(house.lines()) == AT_ONCE + 1, house.shop)
    again: list[Visit] = []

    def there() -> bool:
        with suppress(Broken):
            again.append(house.visit(house.staging, "sh"))
        return bool(again)

    until(there, house.shop)
    for visit in (*visits, *again):
        visit.close()


def test_what_an_earlier_controller_saw_begin_has_ended_with_it(house: House) -> None:
    house.visit(house.staging, "sleep", "9")
    house.shop.restart()
    house.shop.tick()
    house.open()
    until(lambda: len(house.lines()) == 2, house.shop)
    assert house.lines()[1][1].endswith(f": {LOST}")
    house.open()
    house.shop.tick(2)
    assert len(house.lines()) == 2, "once"


def test_one_that_is_let_in_when_nobody_waits_any_more_has_ended_too(house: House) -> None:
    """The controller died between the request and its answer."""
    args = {"instance": house.staging, "ecosystem": "staging", "service": "orders", "release": "r_1", "command": "sh"}
    waiting = house.shop.post(IntentVerb.EXEC, account="root", **args)
    refused = house.shop.post(IntentVerb.EXEC, account="root", **{**args, "ecosystem": "production"})
    house.open()
    until(lambda: not house.shop.store.intents(), house.shop)
    assert [line[3] for line in house.lines()] == [f"inside {waiting}", "ended"]
    assert house.shop.store.intent(refused).accepted is False


def test_what_is_not_as_described_is_told(house: House) -> None:
    asked = wire.Visiting.model_construct(instance=house.staging, command=[], by="ada", why="", terminal=None)
    with pytest.raises(Refused) as refused:
        Visit.begun(house.path, asked, name="shop")
    assert refused.value.problem.status == 422


def test_the_end_of_a_visit_that_nobody_knows_is_refused(house: House) -> None:
    assert house.shop.ask(IntentVerb.EXEC_ENDED, visit="nobody", how="").accepted is False
