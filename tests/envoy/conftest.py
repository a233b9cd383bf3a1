import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from envoy_rig import Process, Proxy
from envoy_upstream import Instance, Upstreams, upstreams

from twinstage.model.names import Ecosystem


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short, unlike tmp_path: a Unix socket's path ends at 108 bytes."""
    made = Path(tempfile.mkdtemp(prefix="tw"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def instances() -> Iterator[Upstreams]:
    with upstreams() as made:
        yield made


@pytest.fixture
def process(directory: Path) -> Iterator[Callable[[str], Process]]:
    """Makes Envoys that are ended with the test."""
    made: list[Process] = []

    def make(node: str) -> Process:
        made.append(Process(directory, node))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def proxy(directory: Path) -> Iterator[Proxy]:
    made = Proxy(directory, Ecosystem.PRODUCTION)
    yield made
    made.process.close()


@pytest.fixture
def one(proxy: Proxy, instances: Upstreams) -> Instance:
    """The only instance of a release that has all the traffic."""
    made = instances.instance("one")
    proxy.put_workload("r_1", [(made.address, made.port)])
    proxy.start({"r_1": 100})
    return made


@pytest.fixture
def live(proxy: Proxy, one: Instance) -> Proxy:
    """Before it."""
    return proxy


@pytest.fixture
def staging(directory: Path) -> Iterator[Proxy]:
    made = Proxy(directory, Ecosystem.STAGING)
    yield made
    made.process.close()
