"""A program of the core whose supervisor ended before it could be told: found by its company's directories, and ended."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from twinstage.runtime.local import orphans
from twinstage.runtime.local.sandbox import toolchain

pytestmark = pytest.mark.real


@contextmanager
def program(name: str, directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """As the core starts them, of a company that keeps its state there. Returns when it is in its sandbox."""
    directory.mkdir(exist_ok=True)
    options = ["--unshare-user", "--unshare-uts", "--unshare-pid", "--die-with-parent", "--hostname", name]
    seen = ["--dev-bind", "/", "/", "--bind", str(directory), "/mnt"]
    command = [str(toolchain.bwrap()), *options, *seen, "--", "sh", "-c", "echo in; exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"in\n"
        yield running
        running.kill()


def test_its_own_and_nobody_elses_are_ended(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours and its likes", tmp_path / "ours"
    with ExitStack() as stack:
        edge = stack.enter_context(program("edge", ours))
        controller = stack.enter_context(program("controller", ours / "below"))
        sandbox = stack.enter_context(program("production", ours))
        other = stack.enter_context(program("edge", theirs))
        assert orphans.end((ours, tmp_path / "none"), ("edge", "controller")) == 2
        assert 0 not in (edge.wait(30), controller.wait(30))
        assert [sandbox.poll(), other.poll()] == [None, None]
        assert not orphans.end((ours,), ("edge", "controller"))
