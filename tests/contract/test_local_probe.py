"""The probe of the boundary in a real company: it finds every wall there, and finds it missing where it is taken away."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pyseccomp as seccomp
import pytest

from contract.bench import healthy, key
from contract.local_bench import LocalBench
from twinstage.jobs.probe import Trial, probe_job, trials
from twinstage.model.job import JobResult
from twinstage.model.names import Ecosystem, Place
from twinstage.runtime.local import probing
from twinstage.runtime.local.instance import Stand
from twinstage.runtime.local.layout import Layout

pytestmark = pytest.mark.real


def tried(local: LocalBench, ecosystem: Ecosystem, number: str) -> tuple[Trial, ...]:
    job = probe_job(ecosystem, number)
    local.runtime.put_job(job, local.fence)
    local.settle(lambda: (found := local.runtime.jobs().get(job.id)) is not None and found.result is not None)
    ended, log = local.runtime.jobs()[job.id], b"".join(local.runtime.log(job.id, 0)).decode()
    assert ended.result is JobResult.SUCCEEDED, (ended, log)
    found = trials(log)
    passed = [trial.name for trial in found if not trial.stopped]
    assert ended.output == {
        "tried": str(len(found)),
        "stopped": str(len(found) - len(passed)),
        "passed": "; ".join(passed),
    }
    return found


def passed(found: tuple[Trial, ...]) -> set[str]:
    return {trial.name for trial in found if not trial.stopped}


@pytest.mark.parametrize("ecosystem", Ecosystem)
def test_the_probe_is_stopped_everywhere(local: LocalBench, ecosystem: Ecosystem) -> None:
    local.runtime.put_workload(local.healthy_workload("payments"), local.fence)
    local.settle(lambda: healthy(local, key("payments")) == 1)
    found = tried(local, ecosystem, f"walls{ecosystem.value}")
    assert [trial for trial in found if not trial.stopped] == []
    assert len(found) >= 80
    assert len({trial.name for trial in found}) == len(found)


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[list[str]], list[str]], bool], None]:
    """The probe's sandbox with other arguments; and on the ecosystem's own network where it is given no wire."""
    whole = probing.stand

    def change(arguments: Callable[[list[str]], list[str]], wired: bool = True) -> None:
        def made(*given: object) -> Stand:
            stand = whole(*given)  # type: ignore[arg-type]
            return replace(stand, arguments=arguments(list(stand.arguments)), wired=wired)

        monkeypatch.setattr(probing, "stand", made)

    return change


def test_without_a_filter(local: LocalBench, unfiltered: None) -> None:
    found = passed(tried(local, Ecosystem.STAGING, "nofilter"))
    assert {"vsock", "keyring", "netlink families", "memory of processes", "the machine's clock"} <= found


@pytest.fixture
def unfiltered(sandboxes: Layout) -> Iterator[None]:
    """A filter that lets everything through, in the place of ours."""
    path = sandboxes.desired(Place.STAGING) / "filter.bpf"
    kept = path.read_bytes()
    path.chmod(0o644)
    with path.open("wb") as file:
        seccomp.SyscallFilter(seccomp.ALLOW).export_bpf(file)
    yield
    path.write_bytes(kept)
    path.chmod(0o444)


def test_with_more_mounts(local: LocalBench, standing: Callable[..., None]) -> None:
    def mounted(given: list[str]) -> list[str]:
        at = given.index("--remount-ro")
        more = [word for path in ("/desired", "/state", "/sockets") for word in ("--bind", path, path)]
        return [*given[:at], *more, *given[at:]]

    standing(mounted)
    found = passed(tried(local, Ecosystem.STAGING, "mounts"))
    assert {"neighbours' files", "files past the root", "unix sockets by path", "the controller's files"} <= found


def test_in_the_processes_of_its_ecosystem(local: LocalBench, standing: Callable[..., None]) -> None:
    def shown(given: list[str]) -> list[str]:
        at = given.index("--proc")
        return [*given[:at], "--ro-bind", "/proc", "/proc", *given[at + 2 :]]

    standing(shown)
    assert {"processes listed", "processes looked into"} <= passed(tried(local, Ecosystem.STAGING, "processes"))


def test_on_the_network_of_its_ecosystem(local: LocalBench, standing: Callable[..., None]) -> None:
    standing(lambda given: given, wired=False)
    found = passed(tried(local, Ecosystem.STAGING, "network"))
    assert {"tcp by gateway", "tcp to undeclared", "tcp to outside", "the gateway's source address"} <= found


def test_with_an_environment_that_was_left(local: LocalBench, standing: Callable[..., None]) -> None:
    standing(lambda given: ["--setenv", "LEFT", "by somebody", *[w for w in given if w != "--clearenv"]])
    assert passed(tried(local, Ecosystem.STAGING, "environment")) == {"environment left"}
