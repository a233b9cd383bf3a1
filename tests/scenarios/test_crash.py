"""Every place where a controller can die: it is killed there, another one takes over, and the play ends the same.

The controller touches the world only through Store and Runtime, so the numbered calls of both are all the places there are.
Between two calls with an effect every place leaves the same store and the same world behind: those are tried once. A few
numbers are also died at for real, in the midst of the tick, to show that this is so. The quick tier tries one place in a few
(``--crash-places``): the same ones each time, and others in each play.
"""

import shutil
import sqlite3
from copy import deepcopy
from pathlib import Path

import pytest

from scenarios.company import SECOND, Company
from scenarios.plays import PLAYS, QUICK, Play, outcome
from scenarios.plays_data import WITH_DATABASES
from scenarios.tripwire import Tripwire

EVERY = {**PLAYS, **WITH_DATABASES}


class Stage:
    """Plays a play once, and at each place where it could be cut short also the rest of it with a new controller."""

    def __init__(self, play: Play, template: Path, folder: Path, every: int, first: int) -> None:
        self.play, self.folder = play, folder
        self.every, self.first = every, first
        shutil.copyfile(template, folder / "main.sqlite")
        self.company = Company.founded(folder / "main.sqlite", *play.services, policy=QUICK)
        play.before(self.company)
        self.step, self.places, self.points = 0, 0, 0
        self.endings: list[tuple[str, Company]] = []
        self._dirty = True
        self._seen = (0, 0)

    def run(self) -> None:
        company = self.company
        company.wire = Tripwire(passing=self._pass)
        company.restart()
        for number, (act, until) in enumerate(self.play.steps):
            self.step = number
            act(company)
            company.until(lambda until=until: until(company))
        company.settle()

    def _pass(self, name: str, effect: bool) -> None:
        self.points += 1
        now = (self.company.store.generation, hash(self.company.now))
        # A commit of nothing is no effect; a new tick is, for the world has moved in between.
        if (effect and not name.endswith("commit")) or now != self._seen:
            self._dirty = True
        if self._dirty:
            self._dirty, self._seen = False, now
            self.places += 1
            if self.places % self.every == self.first % self.every:
                self._cut(name)

    def _cut(self, name: str) -> None:
        """The controller dies here; the world moves on; the next one begins."""
        path = self.folder / f"{self.places}.sqlite"
        with sqlite3.connect(self.company.path) as source, sqlite3.connect(path) as target:
            source.backup(target)
        source.close()
        target.close()
        other = Company(path, deepcopy(self.company.outside))
        other.world.step(other.now + SECOND / 2)
        try:
            self.play.go_on(other, self.step, acted=True)
        except BaseException as trouble:
            trouble.add_note(f"killed at point {self.points}, {name}")
            raise
        self.endings.append((f"point {self.points}, {name}", other))
        other.store.close()
        unharmed(other, self.play)


def unharmed(company: Company, play: Play) -> None:
    assert not company.world.harm
    assert company.world.meter.failed <= play.failed
    assert not [job for job, runs in company.world.runs.items() if runs > 1], "a job ran twice"


@pytest.mark.parametrize("name", EVERY)
def test_a_controller_that_is_killed_anywhere_is_followed_by_one_that_ends_the_same(
    name: str, template: Path, folder: Path, every: int
) -> None:
    play = EVERY[name]
    stage = Stage(play, template, folder, every, list(EVERY).index(name))
    stage.run()
    unharmed(stage.company, play)
    expected = outcome(stage.company)
    assert stage.places > 30, "the play is long enough to prove something"
    assert len(stage.endings) >= stage.places // every
    for where, company in stage.endings:
        found = outcome(company)
        for part, value in expected.items():
            assert found[part] == value, f"killed at {where}: another {part}"


@pytest.mark.parametrize("name", EVERY)
def test_dying_for_real_is_the_same(name: str, template: Path, folder: Path, every: int) -> None:
    play = EVERY[name]

    def played(at: int | None) -> Company:
        path = folder / f"{at}.sqlite"
        shutil.copyfile(template, path)
        company = Company.founded(path, *play.services, policy=QUICK)
        play.before(company)
        company.wire = Tripwire(at)
        company.restart()
        play.go_on(company, 0, acted=False)
        unharmed(company, play)
        return company

    whole = played(None)
    assert whole.wire is not None
    count = whole.wire.count
    for at in range(3, count, count // 4) if every == 1 else (count // 2,):
        cut = played(at)
        assert cut.crashes == 1
        assert outcome(cut) == outcome(whole), f"killed at point {at}"
