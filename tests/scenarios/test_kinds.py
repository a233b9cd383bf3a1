"""The play that is also performed on a machine meets every kind of place to die that the scenarios' plays meet.

A new verb, job or state brings kinds of its own as soon as a play of test_crash.py has it; here it shows that the play of
tests/playbook has to have it too.
"""

import shutil
from pathlib import Path

from playbook.kinds import Wire
from playbook.on_fake import FakeStage
from playbook.play import perform
from scenarios.company import Company
from scenarios.plays import QUICK
from scenarios.test_crash import EVERY

ONLY_IN_MEMORY = ("commit prepare lost", "commit migrate lost", "commit drop lost")
"""Beginnings of kinds that the play does not meet: for a job to be lost the machine has to die, which is not the
controller's death (tests/acceptance/test_company_life.py)."""


def test_the_play_meets_every_kind_that_the_scenarios_meet(template: Path, folder: Path) -> None:
    known, played = set[str](), set[str]()
    for number, play in enumerate(EVERY.values()):
        path = folder / f"{number}.sqlite"
        shutil.copyfile(template, path)
        company = Company.founded(path, *play.services, policy=QUICK)
        play.before(company)
        company.wire = Wire(known.update)  # type: ignore[assignment]
        company.restart()
        play.go_on(company, 0, acted=False)
        company.store.close()
    shutil.copyfile(template, folder / "play.sqlite")
    stage = FakeStage(folder / "play.sqlite", played.update)
    perform(stage)
    assert len(played) > 200, "the play is long enough to prove something"
    missing = {kind.partition(" ")[2] for kind in known - played}
    assert not (left := sorted(kind for kind in missing if not kind.startswith(ONLY_IN_MEMORY))), "\n".join(left)
    assert not stage.company.world.harm
