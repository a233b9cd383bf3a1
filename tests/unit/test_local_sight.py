"""What the local runtime says of an instance, in words that a person can act on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_local_files import WORKLOAD

from twinstage.model.names import Ecosystem, Port, ServiceName
from twinstage.model.seen import Health, InstanceSeen
from twinstage.model.workload import Route
from twinstage.runtime.local import machine
from twinstage.runtime.local.envoy.admin import HostSeen
from twinstage.runtime.local.ledger import RouteRecord, WorkloadRecord
from twinstage.runtime.local.naming import workload_name
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.observation import Look, Memory, accepted, parts, workload_seen
from twinstage.runtime.local.supervisor.client import ProcessSeen

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RECORD = WorkloadRecord(workload=replace(WORKLOAD, replicas=1), slot=1)
NAME = workload_name(WORKLOAD.key)
PROGRAM = f"{NAME}.0"
HOST = addresses.address(1, 0)


def process(state: str, *, age: float = 60, pid: int = 7) -> ProcessSeen:
    started = int((NOW - timedelta(seconds=age)).timestamp())
    return ProcessSeen(name=PROGRAM, state=state, pid=pid, started=started, stopped=0, exit_status=0, error="")


def instance(
    seen: ProcessSeen | None,
    *,
    healthy: bool = False,
    listening: tuple[int, ...] = (),
    answers: int | None = None,
    status: str = "",
    last: str = "",
    memory: Memory | None = None,
    record: WorkloadRecord = RECORD,
    full: dict[str, tuple[int, int]] | None = None,
) -> InstanceSeen:
    def words(text: str) -> Callable[[str], str]:
        return lambda _: text

    look = Look(
        now=NOW,
        processes={PROGRAM: seen} if seen else {},
        hosts={NAME: {HOST: HostSeen(healthy=healthy, pending=False, detail="503", answers=answers is not None)}},
        in_flight={},
        last_line=words(last),
        last_status=words(status),
        listening=lambda _: list(listening),
        full=full or {},
        answered=lambda _, path: answers if path == "/healthz" else None,
    )
    (found,) = workload_seen(NAME, record, look, memory or Memory()).instances
    return found


def test_healthy_is_what_the_proxy_says() -> None:
    assert instance(process("RUNNING"), healthy=True).health is Health.HEALTHY
    assert instance(None).health is Health.STARTING


def test_one_that_was_healthy_is_unhealthy_and_not_starting() -> None:
    memory = Memory()
    instance(process("RUNNING"), healthy=True, memory=memory)
    assert instance(process("RUNNING"), memory=memory).health is Health.UNHEALTHY
    assert instance(process("RUNNING", pid=8), memory=memory).health is Health.STARTING, "another process starts anew"


def test_one_that_listens_elsewhere_is_told_where() -> None:
    detail = instance(process("RUNNING"), listening=(8000,)).detail
    assert "PORT 16000" in detail
    assert "on 8000" in detail
    assert "port: 8000" in detail


def test_one_that_does_not_listen_is_told_so() -> None:
    assert "does not listen on PORT 16000 yet" in instance(process("RUNNING")).detail


def test_one_that_answers_badly_is_told_what_was_asked() -> None:
    detail = instance(process("RUNNING"), listening=(16000,)).detail
    assert "GET /" in detail
    assert "503" in detail


def test_one_whose_health_is_an_error_is_told_the_status() -> None:
    record = replace(RECORD, workload=replace(RECORD.workload, health="/healthz"))
    detail = instance(process("RUNNING"), listening=(16000,), answers=500, record=record).detail
    assert (
        detail
        == "listens, but GET /healthz on port 16000 is not answered well: with status 500, and only 200 is healthy"
    )


def test_one_that_ended_is_told_its_status_and_last_words() -> None:
    seen = instance(process("FATAL"), status="3", last="no such table")
    assert seen.health is Health.CRASHING
    assert seen.detail == "exited with status 3; its last words: no such table"
    assert instance(process("BACKOFF"), status="3").health is Health.STARTING, "the supervisor still tries"


def test_one_that_keeps_starting_is_crashing() -> None:
    memory = Memory()
    for age in (40, 30, 20, 10, 1):
        seen = instance(process("RUNNING", age=age), healthy=True, memory=memory)
    assert seen.health is Health.CRASHING
    assert seen.restarts == 4


def test_what_is_left_of_a_deleted_workload_is_stopping() -> None:
    found = instance(process("STOPPING"), record=replace(RECORD, deleted=True))
    assert found.health is Health.STOPPING


def test_a_route_is_in_force_when_the_proxy_has_its_version() -> None:
    """Written is not accepted: until the proxy says so, the older one is what users meet."""
    old = Route(ecosystem=Ecosystem.PRODUCTION, service=ServiceName("orders"), port=Port(10001))
    new = replace(old, split=((WORKLOAD.key, 100),))
    records = {old.service: RouteRecord(route=new, versions=(("v1", old), ("v2", new)))}
    assert accepted(records, {"orders": "v1"}) == {"orders": old}, "the older one is in force"
    assert accepted(records, {"orders": "v2"}) == {"orders": new}
    assert accepted(records, {"orders": "v0"}) == {}, "one that nobody remembers is none"
    assert accepted(records, {}) == {}


def test_apparmors_refusal_comes_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    setting = tmp_path_factory.mktemp("proc") / "restrict"
    setting.write_text("1\n")
    monkeypatch.setattr(machine, "_APPARMOR", setting)
    said = machine._explained("setting up uid map: Permission denied")
    assert "AppArmor" in said
    assert "apparmor_parser" in said
    assert "userns" in said


def test_another_system_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert machine.lacking() == [
        "sealed ecosystems are made of Linux namespaces, and this is darwin: run Twinstage in a Linux virtual machine"
    ]


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ({"proc/sys/user/max_user_namespaces": "0\n"}, "sysctl user.max_user_namespaces="),
        ({"proc/sys/kernel/unprivileged_userns_clone": "0\n"}, "sysctl kernel.unprivileged_userns_clone=1"),
        ({".dockerenv": ""}, "container"),
        ({"run/.containerenv": ""}, "container"),
        ({"proc/sys/user/max_user_namespaces": "9\n"}, "bubblewrap said: its words"),
    ],
)
def test_each_refusal_of_namespaces_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str], advice: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "_APPARMOR", tmp_path / "none")
    monkeypatch.setattr(machine, "Path", lambda path: tmp_path / path.lstrip("/"))
    assert advice in machine._explained("its words")


def test_what_a_limit_did_is_said_in_words() -> None:
    ended = instance(process("BACKOFF"), status="137 memory", last="working")
    assert ended.detail == "killed: it used more memory than the 2,048 MiB that it may have; its last words: working"
    assert instance(process("BACKOFF"), status="139").detail.startswith("ended by SIGSEGV")
    assert instance(process("BACKOFF"), status="255").detail.startswith("exited with status 255")
    words = "has 60 of the 64 processes and threads that it may have, and cannot start many more"
    for healthy in (True, False):
        assert instance(process("RUNNING"), healthy=healthy, full={PROGRAM: (60, 64)}).detail == words


def test_a_database_server_is_a_part_from_when_it_first_ran() -> None:
    memory = Memory()

    def seen(state: str, age: float = 60) -> Health | None:
        return parts({"database": replace(process(state, age=age), name="database")}, memory).get("database")

    assert seen("STARTING") is None, "nothing depends on one that was never there"
    assert seen("RUNNING") is Health.HEALTHY
    assert seen("STARTING") is Health.UNHEALTHY
    assert [seen("RUNNING", age) for age in (40, 30, 20)] == [Health.HEALTHY] * 3
    assert seen("RUNNING", 10) is Health.CRASHING, "it comes up again and again, and does not stay"
