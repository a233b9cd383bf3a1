"""What the local runtime writes for others to read: whole files, plain words, and directories that are ours."""

import os
import shlex
import stat
from configparser import RawConfigParser
from datetime import timedelta
from pathlib import Path

import pytest
from supervisor.options import expand

from twinstage.model.job import Job, JobKind
from twinstage.model.names import Digest, Ecosystem, InstanceId, JobId, Place, Port, ReleaseId, RolloutId, ServiceName
from twinstage.model.release import Artifact
from twinstage.model.workload import Route, Workload, WorkloadKey
from twinstage.runtime.local import crossings, files, naming, places
from twinstage.runtime.local.fences import Fences
from twinstage.runtime.local.layout import Directory, make
from twinstage.runtime.local.ledger import Ledger, route_version
from twinstage.runtime.local.network import addresses
from twinstage.runtime.local.supervisor import configuration
from twinstage.runtime.runtime import Fence, StaleFence

KEY = WorkloadKey(
    ecosystem=Ecosystem.STAGING, service=ServiceName("orders"), process="web", release=ReleaseId("r_1"), secrets=1
)
WORKLOAD = Workload(
    key=KEY,
    replicas=2,
    artifact=Artifact(kind="tree", digest=Digest("d"), location="/artifacts/x"),
    run="run",
    backend=Port(16000),
    listens=None,
    health="/",
    drain=timedelta(seconds=1),
)


def test_a_program_reads_back_as_it_was_meant() -> None:
    text = configuration.program("job.a", ["/bin/sh", "/a b/100%/c", "x"], log="/state/l.log", once=True)
    parsed = RawConfigParser()
    parsed.read_string(text)
    section = parsed["program:job.a"]
    command = expand(section["command"], {}, "command")  # supervisord's own reading
    assert shlex.split(command) == ["/bin/sh", "/a b/100%/c", "x"]
    assert (section["autorestart"], section["startsecs"], section["startretries"]) == ("false", "0", "0")


@pytest.mark.parametrize("word", ["a\nb", "a;b", 'a"b', "a\0b"])
def test_what_would_break_the_supervisors_file_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="cannot write"):
        configuration.program("x", [word], log="/l")


def test_a_file_is_replaced_whole_and_left_alone_when_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert files.write(path, "one", 0o640)
    inode = path.stat().st_ino
    assert not files.write(path, "one", 0o640)
    assert path.stat().st_ino == inode
    assert files.write(path, "two", 0o600)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("two", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("safe")
    (tmp_path / ".a.part").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        files.write(tmp_path / "a", "evil")
    assert (tmp_path / "victim").read_text() == "safe"


def test_the_tail_begins_with_a_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("first\nsecond\nthird\n")
    assert files.tail(tmp_path / "log", 9) == "third\n"
    assert files.tail(tmp_path / "none", 9) == ""


def directory(path: Path, mode: int = 0o700) -> Directory:
    return Directory(path=path, owner=os.geteuid(), group=os.getegid(), mode=mode)


def test_a_directory_is_made_and_its_mode_mended(tmp_path: Path) -> None:
    make(directory(tmp_path / "a" / "b"))
    (tmp_path / "a" / "b").chmod(0o777)
    make(directory(tmp_path / "a" / "b"))
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_a_link_or_a_file_in_a_directorys_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(OSError, match="not a directory"):
            make(directory(tmp_path / name))


def test_addresses_of_workloads_never_meet() -> None:
    assert addresses.span(1) == "10.64.0.64/26"
    assert addresses.address(1, 0) == "10.64.0.65"
    assert addresses.address(2, 59) == "10.64.0.188"
    for slot, number in ((0, 0), (addresses.SLOTS, 0), (1, 60), (1, -1)):
        with pytest.raises(ValueError, match="there is no"):
            addresses.address(slot, number)


def test_names_are_read_back() -> None:
    instance = naming.instance_id(KEY, 1)
    assert naming.parse_instance(instance) == (Ecosystem.STAGING, "orders.web.r_1.1.main.1")
    with pytest.raises(ValueError, match="nowhere"):
        naming.parse_instance(InstanceId("nowhere.orders.web.r_1.1.main.1"))


def test_an_older_controller_is_refused_for_ever(tmp_path: Path) -> None:
    Fences(tmp_path / "fence").check(Fence(epoch=2, generation=0))
    Fences(tmp_path / "fence").check(Fence(epoch=2, generation=5))
    with pytest.raises(StaleFence):
        Fences(tmp_path / "fence").check(Fence(epoch=1, generation=9))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    for name in ("workloads", "routes", "jobs"):
        (tmp_path / name).mkdir()
    return Ledger(tmp_path)


def test_the_ledger_is_read_again_as_it_was(ledger: Ledger, tmp_path: Path) -> None:
    ledger.put_workload(WORKLOAD)
    route = Route(ecosystem=Ecosystem.STAGING, service=KEY.service, port=Port(14000), split=((KEY, 100),))
    ledger.put_route(route, route_version(route, ()))
    again = Ledger(tmp_path)
    assert (again.workloads, again.routes) == (ledger.workloads, ledger.routes)


def test_a_range_is_not_given_again_at_once(ledger: Ledger) -> None:
    first = ledger.put_workload(WORKLOAD).slot
    ledger.forget_workload(naming.workload_name(KEY))
    assert ledger.put_workload(WORKLOAD).slot == first + 1


def test_a_deleted_workload_that_is_put_again_stays(ledger: Ledger) -> None:
    ledger.put_workload(WORKLOAD)
    ledger.mark_deleted(KEY)
    assert not ledger.put_workload(WORKLOAD).deleted


def test_a_routes_version_is_its_meaning() -> None:
    route = Route(ecosystem=Ecosystem.STAGING, service=KEY.service, port=Port(14000), split=((KEY, 100),))
    assert route_version(route, ("10.64.0.64/26",)) == route_version(route, ("10.64.0.64/26",))
    assert route_version(route, ("10.64.0.64/26",)) != route_version(route, ())


CROSSING = (
    '{"at": "2026-01-01T00:00:00+00:00", "wire": "orders.web.r_1.1.main.0", "source": {"job": "a.verify.verify.1.1"}, '
    '"target": "production payments", "kind": "other-ecosystem", "answered": "403", "advice": "use PAYMENTS_URL"}\n'
)


def test_crossings_are_read_on_from_where_the_last_reading_ended(tmp_path: Path) -> None:
    path = tmp_path / "crossings.jsonl"
    assert crossings.read(Ecosystem.STAGING, path, 0) == ()
    path.write_text(CROSSING + CROSSING[:20])
    (first,) = crossings.read(Ecosystem.STAGING, path, 0)
    assert (first.target, first.seq) == ("production payments", len(CROSSING))
    assert crossings.read(Ecosystem.STAGING, path, first.seq) == (), "half a line is not read"
    with path.open("a") as more:
        more.write(CROSSING[20:])
    (second,) = crossings.read(Ecosystem.STAGING, path, first.seq)
    assert second.seq == 2 * len(CROSSING)


def test_a_root_of_ones_own_keeps_companies_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINSTAGE_ROOT", "/tmp/x")
    mine = places.Places.of("shop")
    assert (mine.state, mine.api) == (Path("/tmp/x/state/shop"), Path("/tmp/x/run/shop/api/api.sock"))


def test_a_deleted_job_that_is_put_again_is_known_again(ledger: Ledger) -> None:
    job = Job(
        id=JobId("a.gate.unit.0.1"),
        kind=JobKind.GATE,
        name="unit",
        place=Place.WORKSHOP,
        rollout=RolloutId("a"),
        service=ServiceName("orders"),
        commit="c",
        round=0,
        attempt=1,
        command="true",
        limit=timedelta(seconds=1),
        source="s",
    )
    first = ledger.put_job(job, wired=False)
    ledger.mark_job_deleted(job.id)
    assert ledger.jobs[job.id].deleted
    assert ledger.put_job(job, wired=False) == first
