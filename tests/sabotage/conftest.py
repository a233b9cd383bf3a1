"""A copy of the checkout to put faults into: the same tests, and what they try is the copy's own source."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PATIENCE = ("tests/contract/local_bench.py", "WITHIN = 30.0", "WITHIN = 10.0")


@pytest.fixture
def checkout() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tss-", dir="/tmp") as folder:
        path = Path(folder)
        path.chmod(0o755)
        for name in ("src", "tests"):
            shutil.copytree(REPOSITORY / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(REPOSITORY / "pyproject.toml", path / "pyproject.toml")
        yield path


@pytest.fixture
def hurried(checkout: Path) -> Path:
    """The same, where what never comes about is waited for less long."""
    file, usual, shorter = PATIENCE
    text = (checkout / file).read_text()
    assert text.count(usual) == 1
    (checkout / file).write_text(text.replace(usual, shorter))
    return checkout
