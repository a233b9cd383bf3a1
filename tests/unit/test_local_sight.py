"""What the local runtime says of an instance, in words that a person can act on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_local_files import WORKLOAD

from twinstage.model.seen import Health, InstanceSeen
from twinstage.runtime.local import machine
from twinstage.runtime.local.envoy.admin import HostSeen
from twinstage.runtime.local.ledger import WorkloadRecord
from twinstage.runtime.local.naming import workload_name
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.observation import Look, Memory, workload_seen
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
    status: str = "",
    last: str = "",
    memory: Memory | None = None,
    record: WorkloadRecord = RECORD,
) -> InstanceSeen:
    def words(text: str) -> Callable[[str], str]:
        return lambda _: text

    look = Look(
        now=NOW,
        processes={PROGRAM: seen} if seen else {},
        hosts={NAME: {HOST: HostSeen(healthy=healthy, pending=False, detail="503")}},
        in_flight={},
        last_line=words(last),
        last_status=words(status),
        listening=lambda _: list(listening),
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
