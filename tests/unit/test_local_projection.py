"""From the ledger to the files that a place reads; from the files that it leaves to what is known of it."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_local_files import KEY, WORKLOAD, directory
from test_local_stand import GATE, GIFTS, ORDERS, PORTS, SETTINGS

from twinstage.inside import wires
from twinstage.model.job import JobKind, JobResult
from twinstage.model.names import Ecosystem, JobId, LaneId, Place, Port
from twinstage.model.policy import EcosystemFile, Policy
from twinstage.model.workload import Route
from twinstage.runtime.local import host, places, results
from twinstage.runtime.local.layout import Accounts, Layout, directories, make
from twinstage.runtime.local.ledger import Ledger, Ports
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.place import PlaceDesk
from twinstage.runtime.local.projection import Projection
from twinstage.runtime.local.sandbox import keeper
from twinstage.runtime.runtime import Unavailable

NAME = "orders.web.r_1.1.main"


class Desk:
    """One place's ledger and projection, on a layout of its own."""

    def __init__(self, root: Path, place: Place) -> None:
        self.layout = Layout(state=root / "state", sockets=root / "run")
        me = os.geteuid()
        for wanted in directories(self.layout, Accounts(production=me, staging=me, core=me, workshop=me)):
            make(replace(wanted, owner=me, group=os.getegid()))
        self.here = self.layout.desired(place)
        self.ledger = Ledger(self.here)
        self.ledger.introduce(PORTS)
        self.projection = Projection(place, self.layout, self.ledger, SETTINGS)

    def told(self, path: str) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.here / path).read_text())
        return found

    def names(self, below: str) -> set[str]:
        return {path.name for path in (self.here / below).iterdir() if not path.name.startswith(".")}


@pytest.fixture
def staging(tmp_path: Path) -> Desk:
    return Desk(tmp_path, Place.STAGING)


@pytest.fixture
def workshop(tmp_path: Path) -> Desk:
    return Desk(tmp_path, Place.WORKSHOP)


def test_each_instance_has_its_files_its_wire_and_its_program(staging: Desk) -> None:
    record = staging.ledger.put_workload(replace(WORKLOAD, calls=(GIFTS,), listens=8000))
    staging.projection.write_workload(record)
    assert staging.names("programs") == {f"{NAME}.0.conf", f"{NAME}.1.conf"}
    assert staging.projection.wanted() == {f"{NAME}.0", f"{NAME}.1"}
    wire = staging.told(f"wires/{NAME}.1.json")
    assert (wire["address"], wire["backend"], wire["listens"]) == (addresses.address(record.slot, 1), 16000, 8000)
    assert (wire["hostname"], wire["release"], wire["calls"]) == ("orders", "r_1", ["gift-cards"])
    assert (staging.here / f"instances/{NAME}.0/run").read_text() == "run"
    words = (staging.here / f"instances/{NAME}.0/arguments").read_text()
    assert words.endswith("\0")
    assert "--cap-drop\0ALL\0" in words


def test_a_users_command_never_enters_the_supervisors_configuration(staging: Desk) -> None:
    run = "printf '%s' \"100%\"; x=\n[program:evil]\ncommand=true"
    staging.projection.write_workload(staging.ledger.put_workload(replace(WORKLOAD, run=run, env={"A": "%(x)s\n;"})))
    text = (staging.here / f"programs/{NAME}.0.conf").read_text()
    assert "evil" not in text
    assert text.count("[program:") == 1
    assert (staging.here / f"instances/{NAME}.0/run").read_text() == run


def test_surplus_programs_go_first_and_their_files_when_they_are_gone(staging: Desk) -> None:
    staging.projection.write_workload(staging.ledger.put_workload(WORKLOAD))
    staging.projection.write_workload(staging.ledger.put_workload(replace(WORKLOAD, replicas=1)))
    assert staging.names("programs") == {f"{NAME}.0.conf"}
    assert not staging.projection.forget([f"{NAME}.0", f"{NAME}.1"]), "it still stops there"
    assert staging.names("instances") >= {f"{NAME}.1"}
    assert staging.projection.forget([f"{NAME}.0"])
    assert staging.names("instances") == {NAME, f"{NAME}.0"}
    assert staging.names("wires") == {f"{NAME}.0.json"}


def test_instances_of_one_workload_stand_alike_until_the_last_is_gone(staging: Desk) -> None:
    old = staging.here / f"instances/{NAME}.1"  # as an earlier Twinstage left it
    old.mkdir()
    (old / "run").write_text("other")
    staging.projection.write_workload(staging.ledger.put_workload(WORKLOAD))
    assert old.resolve() == staging.here / f"instances/{NAME}"
    assert f"/desired/instances/{NAME}\0" in (old / "arguments").read_text()
    staging.ledger.mark_deleted(KEY)
    staging.projection.forget([f"{NAME}.1"])
    assert staging.names("instances") == {NAME, f"{NAME}.1"}
    (name,) = staging.ledger.workloads
    staging.ledger.forget_workload(name)
    staging.projection.forget([])
    assert staging.names("instances") == set()


def test_a_deleted_workload_has_no_program_and_no_endpoint(staging: Desk) -> None:
    staging.projection.write_workload(staging.ledger.put_workload(WORKLOAD))
    staging.ledger.mark_deleted(KEY)
    (record,) = staging.ledger.workloads.values()
    staging.projection.write_workload(record)
    staging.projection.write_proxy(Ecosystem.STAGING)
    assert staging.names("programs") == set()
    assert staging.projection.wanted() == frozenset()
    assert "10.64." not in (staging.here / f"envoy/eds/{NAME}.json").read_text()


def test_a_frontend_admits_the_ranges_of_those_who_declare_it(staging: Desk) -> None:
    caller = staging.ledger.put_workload(replace(WORKLOAD, calls=(GIFTS,)))
    verify = replace(GATE, kind=JobKind.VERIFY, place=Place.STAGING, lane=LaneId("deadbeef"), calls=(ORDERS,))
    job = staging.ledger.put_job(verify, wired=True)
    staging.projection.write_proxy(Ecosystem.STAGING)
    assert job.slot is not None

    def admitted(service: str) -> set[int]:
        text = (staging.here / f"envoy/rds/{service}.json").read_text()
        return {slot for slot in (caller.slot, job.slot) if slot and addresses.span(slot).partition("/")[0] in text}

    assert admitted("gift-cards") == {caller.slot}
    assert admitted("orders") == {job.slot}


def test_outside_names_have_an_address_each_and_a_door_for_what_leaves(staging: Desk) -> None:
    places = {"pay": "pay.example:443", "more": "pay.example:8443", "bank": "bank.example:443"}
    workload = replace(WORKLOAD, outside=places, stubs={"bank": GIFTS}, calls=(GIFTS,))
    record = staging.ledger.put_workload(workload)
    staging.projection.write_workload(record)
    staging.projection.write_passing(Ecosystem.STAGING)
    wire = staging.told(f"wires/{NAME}.0.json")["outside"]
    assert isinstance(wire, list)
    assert [(it["host"], it["port"], it["stub"]) for it in wire] == [
        ("bank.example", 443, "gift-cards"),
        ("pay.example", 443, None),
        ("pay.example", 8443, None),
    ]
    assert len({it["address"] for it in wire}) == 2, "an address for a host, not for a port"
    doors = json.loads((staging.layout.outside / "staging.json").read_text())
    assert sorted(doors.values()) == ["pay.example:443", "pay.example:8443"], "a stub needs no way out"
    listeners = (staging.here / "envoy/lds.json").read_text()
    assert all(f'"outside.{door}"' in listeners for door in doors)
    (first, second) = sorted(staging.names("envoy/ecds"))
    assert addresses.span(record.slot).partition("/")[0] in (staging.here / f"envoy/ecds/{first}").read_text()
    staging.ledger.forget_workload(NAME)
    staging.projection.write_passing(Ecosystem.STAGING)
    assert staging.names("envoy/ecds") == set()
    assert second.removesuffix(".json") not in (staging.here / "envoy/lds.json").read_text()
    assert json.loads((staging.layout.outside / "staging.json").read_text()) == {}


def test_an_outside_address_is_not_soon_another_names(staging: Desk) -> None:
    staging.ledger.keep_outside(["a.example", "b.example"])
    assert staging.ledger.outside == {"a.example": 1, "b.example": 2}
    staging.ledger.keep_outside(["b.example", "c.example"])
    assert Ledger(staging.here).outside == {"b.example": 2, "c.example": 3}
    full = [f"h{number}.example" for number in range(addresses.MOST_OUTSIDE)]
    staging.ledger.keep_outside(full)
    assert set(staging.ledger.outside.values()) == set(range(1, addresses.MOST_OUTSIDE + 1))


def test_every_frontend_has_a_route_before_anybody_puts_one(staging: Desk) -> None:
    staging.projection.write_proxy(Ecosystem.STAGING)
    assert staging.names("envoy/rds") == {"orders.json", "gift-cards.json"}
    told = Route(ecosystem=Ecosystem.STAGING, service=ORDERS, port=Port(14000), split=((KEY, 100),))
    staging.projection.put_route(told)
    ((version, route),) = staging.ledger.routes[ORDERS].versions
    assert route == told
    assert version in (staging.here / "envoy/rds/orders.json").read_text()


def test_a_service_that_was_removed_leaves_no_file_to_the_proxy(staging: Desk) -> None:
    staging.projection.write_proxy(Ecosystem.STAGING)
    ports = staging.ledger.ports.services
    staging.ledger.introduce(Ports(services={GIFTS: ports[GIFTS]}))
    staging.projection.write_proxy(Ecosystem.STAGING)
    assert staging.names("envoy/rds") == {"gift-cards.json"}
    assert "orders" not in (staging.here / "envoy/lds.json").read_text()


def test_the_sentinel_is_told_both_ecosystems_ports(staging: Desk) -> None:
    staging.projection.write_ports(Ecosystem.STAGING)
    told = staging.told("ports.json")
    assert (told["ecosystem"], told["gateway"]) == ("staging", "10.64.0.1")
    assert told["ranges"] == {"production": [10000, 10999], "staging": [14000, 14999]}
    assert told["services"]["gift-cards"] == {  # type: ignore[index]
        "production": {"frontend": 10001, "backend": 12001},
        "staging": {"frontend": 14001, "backend": 16001},
    }
    assert told["public"] == []


def test_the_sentinel_is_told_whose_names_are_the_companys(staging: Desk) -> None:
    staging.ledger.introduce(replace(PORTS, public=("shop.example",)))
    staging.projection.write_ports(Ecosystem.STAGING)
    assert wires.read(staging.here).ports.public == ("shop.example",)
    assert Ledger(staging.here).ports.public == ("shop.example",), "after the controller's next start as well"


def test_a_gates_wrapper_is_told_what_to_run_and_where(workshop: Desk) -> None:
    workshop.projection.write_job(workshop.ledger.put_job(GATE, wired=False))
    told = workshop.told(f"jobs/{GATE.id}.json")
    assert told["argv"] == ["/bin/sh", "/desired/launch", f"job.{GATE.id}", "alone"]
    assert (told["source"], told["seal"]) == ("/exports/orders-c.tar", None)
    assert (told["unpack"], told["limit"]) == (f"/state/jobs/{GATE.id}/work", 60.0)
    assert workshop.names("wires") == set()
    text = (workshop.here / f"programs/job.{GATE.id}.conf").read_text()
    assert "autorestart=false" in text


def test_a_build_is_unpacked_and_sealed_where_it_stays(workshop: Desk) -> None:
    build = replace(GATE, id=JobId("a.build.build.0.1"), kind=JobKind.BUILD, builds="/artifacts/n", artifact=None)
    workshop.projection.write_job(workshop.ledger.put_job(build, wired=False))
    told = workshop.told("jobs/a.build.build.0.1.json")
    assert told["unpack"] == told["seal"] == "/artifacts/n"
    assert told["argv"] == ["/bin/sh", "/desired/launch", "job.a.build.build.0.1", "alone", "/caches/orders"]


def test_gates_come_before_builds_and_the_oldest_first(workshop: Desk) -> None:
    ids = ("b.build.build.0.1", "b.gate.unit.0.1", "a.gate.unit.0.1")
    for id in ids:
        kind = JobKind.BUILD if "build" in id else JobKind.GATE
        builds = "/artifacts/n" if kind is JobKind.BUILD else None
        workshop.ledger.put_job(replace(GATE, id=JobId(id), kind=kind, builds=builds), wired=False)
    assert workshop.projection.queue() == ["job.b.gate.unit.0.1", "job.a.gate.unit.0.1", "job.b.build.build.0.1"]


def test_a_second_put_of_a_job_changes_nothing_but_that_it_is_wanted_again(workshop: Desk) -> None:
    first = workshop.ledger.put_job(GATE, wired=False)
    assert workshop.ledger.put_job(replace(GATE, command="another"), wired=False) == first
    workshop.ledger.mark_job_deleted(GATE.id)
    workshop.projection.write_job(workshop.ledger.jobs[GATE.id])
    assert (workshop.projection.wanted(), workshop.names("programs")) == (frozenset(), set())
    assert workshop.ledger.put_job(GATE, wired=False) == first
    workshop.projection.write_job(first)
    assert workshop.projection.wanted() == {f"job.{GATE.id}"}
    assert Ledger(workshop.here).jobs == {GATE.id: first}, "also after a start"


RESULT = {
    "result": "failed",
    "exit_status": 3,
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:00:09+00:00",
    "output": {"digest": "sha256:1"},
    "detail": "exit status 3",
}


def test_a_result_is_read_with_the_logs_end(tmp_path: Path) -> None:
    assert results.read(GATE, tmp_path) is None
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    (tmp_path / "log").write_text("one test failed\n\n")
    job = results.read(GATE, tmp_path)
    assert job is not None
    assert (job.result, job.exit_status, job.output) == (JobResult.FAILED, 3, {"digest": "sha256:1"})
    assert (job.started, job.ended) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC))
    assert job.log_end == "one test failed\nexit status 3"


def test_a_job_that_never_began_has_a_result_without_times(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps({"result": "stopped"}))
    job = results.read(GATE, tmp_path)
    assert job is not None
    assert (job.result, job.exit_status, job.started, job.ended, job.log_end) == (
        JobResult.STOPPED,
        None,
        None,
        None,
        "",
    )


def test_a_result_that_is_none_of_ours_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"result": "splendid"}')
    with pytest.raises(ValueError, match="splendid"):
        results.read(GATE, tmp_path)


def test_a_job_without_a_result_says_when_it_began(tmp_path: Path) -> None:
    assert results.running(GATE, tmp_path) == GATE
    (tmp_path / "started.json").write_text('{"pid": 7, "started": "2026-01-01T00:00:00+00:00"}')
    assert results.running(GATE, tmp_path).started == datetime(2026, 1, 1, tzinfo=UTC)
    assert results.lost(GATE, "why").result is JobResult.LOST


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(["/bin/sleep", "600"])
    yield started
    started.kill()
    started.wait()


def written(record: Path, pid: int, **changed: object) -> Path:
    told = {"pid": pid, "started": keeper.start_time(pid), "boot": keeper._boot(), **changed}
    record.write_text(json.dumps(told))
    return record


def test_a_sandbox_is_found_again_by_its_record(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    assert keeper.running(written(tmp_path / "a.pid", process.pid)) == process.pid


@pytest.mark.parametrize("changed", [{"started": 1}, {"boot": "another"}])
def test_another_process_with_its_number_is_not_it(
    tmp_path: Path, process: subprocess.Popen[bytes], changed: dict[str, object]
) -> None:
    assert keeper.running(written(tmp_path / "a.pid", process.pid, **changed)) is None


def test_a_sandbox_that_ended_is_not_running_even_before_it_is_collected(tmp_path: Path) -> None:
    process = subprocess.Popen(["/bin/sleep", "600"])
    record = written(tmp_path / "a.pid", process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still there
    assert keeper.running(record) is None
    process.wait()
    assert keeper.running(record) is None


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert keeper.running(tmp_path / "none.pid") is None
    (tmp_path / "half.pid").write_text('{"pid": 1')
    assert keeper.running(tmp_path / "half.pid") is None


def test_a_strangers_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    somebody = (tmp_path / "theirs").stat().st_uid + 1
    monkeypatch.setattr("twinstage.runtime.local.layout.os.geteuid", lambda: somebody)
    with pytest.raises(PermissionError, match="belongs to user"):
        make(directory(tmp_path / "theirs"))
    assert stat.S_IMODE((tmp_path / "theirs").stat().st_mode) == 0o755, "left as it was"


def test_without_a_root_of_ones_own_a_user_has_the_usual_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.runtime.local.places.os.geteuid", lambda: 1000)
    monkeypatch.delenv("TWINSTAGE_ROOT", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/u/.state")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere/at/all")
    assert places.Places.of("shop").state == Path("/home/u/.state/twinstage/shop")
    assert places.Places.of("shop").sockets == Path("/tmp/twinstage-1000/shop")


def test_companies_are_those_whose_door_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TWINSTAGE_ROOT", str(tmp_path))
    assert places.companies() == []
    for name in ("shop", "bakery", "closed"):
        places.Places.of(name).api.parent.mkdir(parents=True)
    for name in ("shop", "bakery"):
        places.Places.of(name).api.touch()
    assert places.companies() == ["bakery", "shop"]


def test_what_an_older_twinstage_wrote_is_written_anew_and_the_rest_left_alone(staging: Desk) -> None:
    staging.projection.write_workload(staging.ledger.put_workload(WORKLOAD))
    here = staging.here / f"instances/{NAME}.0"
    right = (here / "arguments").read_text()
    (here / "arguments").write_text("--of-another-toolchain\0")
    (here / "bounds").unlink()
    untouched = [p for p in staging.here.rglob("*") if p.is_file() and p.name not in ("arguments", "bounds")]
    before = {path: path.stat().st_ino for path in untouched}
    Projection(Place.STAGING, staging.layout, Ledger(staging.here), SETTINGS).write_all()
    assert (here / "arguments").read_text() == right
    assert (here / "bounds").read_text() == "2147483648 1024\n"
    assert {path: path.stat().st_ino for path in untouched} == before, "a program whose file is the same starts nothing"


def test_a_path_too_long_for_sockets_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "lacking", list)
    file = EcosystemFile(name="shop", services=(), policy=Policy())
    deep = tmp_path / ("long" * 30)
    monkeypatch.setenv("TWINSTAGE_ROOT", str(deep))
    with pytest.raises(host.HostTrouble, match="shorter directory") as refused:
        host.up(file, lambda _: None)
    assert str(deep) in str(refused.value)
    assert not deep.exists()
    assert places.Places(state=tmp_path, sockets=Path("/run/user/1000/twinstage/shop")).too_long() == 0


def test_what_trouble_kept_from_the_files_is_written_at_the_next_look(tmp_path: Path) -> None:
    """As on a full disk: the ledger knows of it, so nobody asks for it again."""
    desk = Desk(tmp_path, Place.WORKSHOP)
    place = PlaceDesk(Place.WORKSHOP, desk.layout, SETTINGS)

    def put() -> None:
        with place.written():
            place.ledger.put_job(GATE, wired=False)
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        put()
    assert desk.names("programs") == set()

    with pytest.raises(Unavailable):
        place.settle({})

    assert desk.names("programs") == {f"job.{GATE.id}.conf"}
