"""Outside names on the real runtime: TLS from an instance to a server beyond all sandboxes, and everything that is refused."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contract.bench import key
from contract.local_bench import NEAR, LocalBench
from contract.local_outside import ALIKE, FAR, Callers, Server, closed_port
from twinstage.model.names import Ecosystem, ServiceName
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.supervisor.client import Supervisor

pytestmark = pytest.mark.real
PRODUCTION, STAGING = Ecosystem.PRODUCTION, Ecosystem.STAGING


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


@pytest.fixture
def callers(local: LocalBench, sandboxes: Layout, server: Server) -> Callers:
    return Callers(local, sandboxes, server)


def test_each_ecosystem_reaches_its_own_host_in_tls_and_not_the_others(callers: Callers) -> None:
    callers.served("orders", PRODUCTION, {"pay": callers.place(FAR)})
    callers.served("orders", STAGING, {"pay": callers.place(ALIKE)})
    assert callers.asked("orders", PRODUCTION, f"https://{callers.place(FAR)}/") == f"{FAR} from afar"
    assert callers.asked("orders", STAGING, f"https://{callers.place(ALIKE)}/") == f"{ALIKE} from afar"
    assert "not known" in callers.asked("orders", STAGING, f"https://{callers.place(FAR)}/")
    met = callers.crossing(STAGING, f"dns {FAR}")
    assert (met.kind, met.answered) == ("outside", "NXDOMAIN")
    assert "`outside`" in met.advice


def test_only_who_declares_it_and_only_that_port(callers: Callers) -> None:
    callers.served("orders", PRODUCTION, {"pay": callers.place(FAR)})
    callers.served("payments", PRODUCTION, {})
    assert "not known" in callers.asked("payments", PRODUCTION, f"https://{callers.place(FAR)}/")
    said = callers.asked("payments", PRODUCTION, f"http://10.63.0.1:{callers.server.port}/")
    assert "403" in said, "its address is no way in either"
    said = callers.asked("orders", PRODUCTION, f"http://{callers.place(FAR, 8080)}/")
    assert "which does not exist for it" in said
    assert callers.crossing(PRODUCTION, f"{FAR}:8080").source == key("orders")


def test_a_name_that_leads_to_this_machine_is_no_way_to_its_frontends(callers: Callers) -> None:
    callers.served("orders", STAGING, {"near": callers.place(NEAR)})
    assert "afar" not in callers.asked("orders", STAGING, f"https://{callers.place(NEAR)}/")
    assert "this machine itself" in callers.told(f"{callers.place(NEAR)} in staging")


def test_what_cannot_be_reached_is_told_in_words_until_it_is(callers: Callers, local: LocalBench) -> None:
    closed = callers.place(FAR, closed_port())
    callers.served("orders", PRODUCTION, {"gone": callers.place("nowhere.outside.test"), "shut": closed})
    callers.asked("orders", PRODUCTION, f"https://{callers.place('nowhere.outside.test')}/")
    assert "not known" in callers.told("nowhere.outside.test")
    callers.asked("orders", PRODUCTION, f"https://{closed}/")
    assert "refused" in callers.told(closed).lower()
    callers.taken_away("orders", PRODUCTION)
    local.settle(lambda: not [it for it in local.bare.troubles() if "outside name" in it.about])


def test_the_way_out_may_die_at_any_moment(callers: Callers, sandboxes: Layout) -> None:
    callers.served("orders", PRODUCTION, {"pay": callers.place(FAR)})
    core = Supervisor(sandboxes.sockets / "core" / "supervisor.sock")
    before = core.processes()["outside"].pid
    for child in psutil.Process(before).children(recursive=True):
        os.kill(child.pid, signal.SIGKILL)
    callers.local.settle(lambda: core.processes()["outside"].pid not in (0, before))
    url = f"https://{callers.place(FAR)}/"
    callers.local.settle(lambda: callers.asked("orders", PRODUCTION, url) == f"{FAR} from afar")


def test_a_stub_answers_in_staging_instead(callers: Callers) -> None:
    callers.served("payments", STAGING, {})
    callers.served("orders", STAGING, {"bank": callers.place(FAR)}, {"bank": ServiceName("payments")})
    assert callers.asked("orders", STAGING, f"http://{callers.place(FAR)}/") == "well", "in HTTP, by payments"


def test_what_is_no_longer_declared_has_no_door(callers: Callers, local: LocalBench, sandboxes: Layout) -> None:
    callers.served("orders", PRODUCTION, {"pay": callers.place(FAR)})
    doors = sandboxes.sockets / "production" / "outside"
    assert list(doors.glob("*.sock"))
    callers.taken_away("orders", PRODUCTION)
    local.settle(lambda: not list(doors.glob("*.sock")))
