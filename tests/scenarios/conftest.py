"""Companies for scenarios. The empty store is made once and copied: making its schema takes longer than a play."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from scenarios.company import Company
from twinstage.store.store import Store

MEMORY = Path("/dev/shm")
Found = Callable[..., Company]


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        path = Path(folder) / "empty.sqlite"
        store = Store(path, durable=False)
        with store._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        yield path


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as path:
        yield Path(path)


@pytest.fixture
def company(template: Path, folder: Path) -> Iterator[Found]:
    """``company("orders", "payments")``: a company with these services, nothing shipped yet."""
    made: list[Company] = []

    def found(*services: str, **settings: Any) -> Company:
        path = folder / f"{len(made)}.sqlite"
        shutil.copyfile(template, path)
        made.append(Company.founded(path, *services, **settings))
        return made[-1]

    yield found
    for each in made:
        each.store.close()
        assert not each.world.harm, each.world.harm
        again = {job: runs for job, runs in each.world.runs.items() if runs > 1}
        assert not again, f"these jobs ran more than once: {again}"
