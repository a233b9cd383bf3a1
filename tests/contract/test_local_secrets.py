"""Where the value of a secret is on this machine, and where it is not. The real runtime alone."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from contract.bench import healthy, key, seen
from contract.local_bench import LocalBench
from twinstage.model.names import Ecosystem, Place
from twinstage.model.workload import Workload
from twinstage.runtime.local.layout import Layout
from twinstage.runtime.local.naming import instance_id, program_of_instance, workload_name
from twinstage.runtime.local.sandbox import keeper
from twinstage.runtime.local.supervisor.client import Supervisor

pytestmark = pytest.mark.real

PRODUCTIONS = "s3cret-that-only-production-has"
STAGINGS = "s3cret-that-only-staging-has"
MOST = 64 << 20


def running(local: LocalBench, number: int) -> Workload:
    """orders in production, with a secret; staging has another value of it."""
    local.give(Ecosystem.PRODUCTION, "orders", number, {"TOKEN": PRODUCTIONS})
    local.give(Ecosystem.STAGING, "orders", number, {"TOKEN": STAGINGS})
    workload = local.secret_workload(number, "TOKEN")
    local.runtime.put_workload(workload, local.fence)
    local.settle(lambda: healthy(local, workload.key))
    return workload


def inside(layout: Layout, place: Place) -> Path:
    """The root of a place's sandbox, as its first process sees it."""
    pid = keeper.running(layout.core / f"{place}.pid")
    assert pid is not None
    return Path(f"/proc/{pid}/root")


def files(*tops: Path) -> Iterator[Path]:
    for top in tops:
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink() and path.stat().st_size < MOST:
                    yield path


def holding(value: str, *tops: Path) -> list[str]:
    return [str(path) for path in files(*tops) if value.encode() in path.read_bytes()]


def told(what: str) -> str:
    """That of every process of the machine which lets itself be read."""
    said = b""
    for pid in psutil.pids():
        with suppress(OSError):
            said += Path(f"/proc/{pid}/{what}").read_bytes()
    return said.decode("utf-8", "replace")


def test_no_file_no_log_and_no_argument_list_has_it(local: LocalBench, sandboxes: Layout) -> None:
    workload = running(local, 41)
    everything = list(files(sandboxes.state, sandboxes.sockets))
    assert len(everything) > 50
    for value in (PRODUCTIONS, STAGINGS):
        assert holding(value, sandboxes.state, sandboxes.sockets) == []
        assert value not in told("cmdline")
    memory = inside(sandboxes, Place.PRODUCTION) / "run" / "secrets"
    found = holding(PRODUCTIONS, memory)
    assert [Path(path).name for path in found] == [program_of_instance(workload_name(workload.key), 0)]
    assert stat.S_IMODE(Path(found[0]).stat().st_mode) == 0o600
    assert PRODUCTIONS in told("environ"), "it has arrived; and this very search can find it"


def test_what_keeps_values_is_its_owners_alone(local: LocalBench, sandboxes: Layout) -> None:
    running(local, 42)
    names = sorted(path.name for path in sandboxes.vault.iterdir())
    assert names == ["production.key", "production.vault", "staging.key", "staging.vault"]
    assert stat.S_IMODE(sandboxes.vault.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in sandboxes.vault.iterdir()} == {0o600}
    keys = {path.read_bytes() for path in sandboxes.vault.glob("*.key")}
    assert len(keys) == 2, "each ecosystem has a key of its own"


def test_staging_has_nothing_of_productions(local: LocalBench, sandboxes: Layout) -> None:
    running(local, 43)
    root = inside(sandboxes, Place.STAGING)
    mine = [root / name for name in ("desired", "state", "sockets", "run", "tmp", "exports", "artifacts")]
    assert holding(PRODUCTIONS, *mine) == []
    assert holding(PRODUCTIONS, sandboxes.desired(Place.STAGING), sandboxes.kept(Place.STAGING)) == []
    mounts = (root.parent / "mountinfo").read_text()
    assert str(sandboxes.desired(Place.STAGING)) in mounts
    for hidden in (sandboxes.vault, sandboxes.desired(Place.PRODUCTION), sandboxes.doors(Place.PRODUCTION)):
        assert f"{hidden}" not in mounts
    for place in (Place.PRODUCTION, Place.WORKSHOP):  # nor has anybody but the controller the vault
        assert str(sandboxes.vault) not in (inside(sandboxes, place).parent / "mountinfo").read_text()


def test_an_instance_starts_again_without_anybody(local: LocalBench, sandboxes: Layout) -> None:
    workload = running(local, 44)
    local.settle(lambda: said(local, workload) == 1)
    supervisor = Supervisor(sandboxes.doors(Place.PRODUCTION) / "supervisor.sock")
    program = program_of_instance(workload_name(workload.key), 0)
    supervisor.stop("lockbox")
    supervisor.stop(program)
    local.settle(lambda: supervisor.processes()[program].state == "STOPPED")
    supervisor.start(program)  # no look of the runtime's in between: nothing is handed over
    local.settle(lambda: said(local, workload) == 2)
    supervisor.start("lockbox")
    local.settle(lambda: supervisor.processes()["lockbox"].state == "RUNNING")


def test_a_sandbox_that_was_lost_is_given_its_secrets_anew(local: LocalBench, sandboxes: Layout) -> None:
    workload = running(local, 45)
    local.settle(lambda: said(local, workload) == 1)
    before = keeper.running(sandboxes.core / "production.pid")
    assert before is not None
    psutil.Process(before).kill()
    local.settle(lambda: keeper.running(sandboxes.core / "production.pid") not in (None, before))
    local.settle(lambda: healthy(local, workload.key) and said(local, workload) == 2)


def test_it_goes_with_its_workload(local: LocalBench, sandboxes: Layout) -> None:
    workload = running(local, 46)
    assert holding(PRODUCTIONS, inside(sandboxes, Place.PRODUCTION) / "run" / "secrets")
    local.runtime.delete_workload(workload.key, local.fence)
    local.settle(lambda: seen(local, workload.key) is None)
    local.settle(
        lambda: _looked(local) and not list((inside(sandboxes, Place.PRODUCTION) / "run" / "secrets").iterdir())
    )


def test_files_of_an_instance_have_names_alone(local: LocalBench, sandboxes: Layout) -> None:
    workload = running(local, 47)
    here = sandboxes.desired(Place.PRODUCTION) / "instances" / program_of_instance(workload_name(workload.key), 0)
    assert (here / "secrets").read_text() == "TOKEN\n"
    assert "TOKEN" not in (here / "arguments").read_text()
    record = json.loads(
        (sandboxes.desired(Place.PRODUCTION) / "workloads" / f"{workload_name(workload.key)}.json").read_text()
    )
    assert record["workload"]["secrets"] == ["TOKEN"]


def said(local: LocalBench, workload: Workload) -> int:
    """How often an instance of it has found its secret."""
    log = b"".join(local.runtime.log(instance_id(workload.key, 0), 0)).decode()
    return sum(line.startswith("has TOKEN ") for line in log.splitlines())


def _looked(local: LocalBench) -> bool:
    return local.runtime.observe(key("orders").ecosystem) is not None
