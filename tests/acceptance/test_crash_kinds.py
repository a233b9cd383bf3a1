"""Every kind of place where a controller can die is met on this machine: it is killed there, and the play goes on the same.

The places are those of tests/scenarios/test_crash.py, which tries all of them on the platform in memory; playbook/kinds.py
says which are of one kind. One play on one company meets them all, one death after another.
"""

from collections import Counter
from dataclasses import dataclass

import pytest
from acceptance_person import Person
from acceptance_traces import job_starts, networks, remains

from playbook.journal import Plain, plain
from playbook.on_fake import FakeStage
from playbook.on_machine import NAME, MachineStage
from playbook.play import perform
from twinstage.model.job import Job, JobResult
from twinstage.runtime.local.naming import program_of_job
from twinstage.store.store import Store

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(1200)]


@dataclass(frozen=True, kw_only=True)
class Played:
    """What was seen of the two plays, after both."""

    kinds: set[str]
    """Of places in the play in memory."""
    met: set[str]
    expected: Plain
    journal: Plain
    controllers: int
    jobs: list[Job]
    starts: Counter[str]
    users_asked: int
    users_failed: list[str]
    left: list[str]


@pytest.fixture(scope="module")
def played(somebody: Person, tmp_path_factory: pytest.TempPathFactory) -> Played:
    kinds: set[str] = set()
    fake = FakeStage(tmp_path_factory.mktemp("fake") / "store.sqlite", kinds.update)
    perform(fake)
    machine = MachineStage(somebody, somebody.root / "home" / "tiny")
    was = networks(somebody.root)
    machine.want(kinds)
    perform(machine)
    met, starts = machine.met(), job_starts(somebody.root, NAME)
    machine.down()
    store = Store(machine.store)
    rows = store.journal(after=machine.begins, limit=100_000)
    return Played(
        kinds=kinds,
        met=met,
        expected=fake.journal(),
        journal=plain(rows),
        controllers=sum(row.what == "controller" for row in rows),
        jobs=store.jobs(),
        starts=starts,
        users_asked=machine.users_asked,
        users_failed=machine.users_failed,
        left=remains(somebody.root, was),
    )


def test_a_controller_died_at_a_place_of_each_kind(played: Played) -> None:
    assert len(played.kinds) > 200, "the play is long enough to prove something"
    assert not (left := sorted(played.kinds - played.met)), "\n".join(left)
    assert played.controllers > 100, "as many deaths"


def test_the_journal_is_that_of_the_same_play_in_memory_where_nobody_dies(played: Played) -> None:
    for about, lines in played.expected.items():
        assert played.journal[about] == lines, about
    assert set(played.journal) == set(played.expected)


def test_no_job_ran_twice_or_was_lost(played: Played) -> None:
    begun = [job for job in played.jobs if job.started is not None]
    assert [job.id for job in begun if job.result in (JobResult.LOST, None) or job.attempt > 1] == []
    assert {name: times for name, times in played.starts.items() if times > 1} == {}
    assert {program_of_job(job.id) for job in begun} <= set(played.starts)


def test_users_felt_nothing_but_the_bad_canary(played: Played) -> None:
    assert played.users_asked > 1000
    others = [said for said in played.users_failed if not said.startswith("500 back")]
    assert others == []
    assert played.users_failed, "the bad canary was felt by some"


def test_nothing_is_left_of_it(played: Played) -> None:
    assert played.left == []
