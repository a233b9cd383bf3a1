"""What a machine is said to lack: by name, with what it means and what it would take."""

import json
import os
from dataclasses import replace
from pathlib import Path

from docs_stands import SETTINGS

from twinstage.model.names import Ecosystem
from twinstage.model.seen import Lack
from twinstage.runtime.local.crossings import counted
from twinstage.runtime.local.gives import Gives, limits
from twinstage.runtime.local.gives import lacks as not_in_force
from twinstage.runtime.local.lacks import UNNOTED, Machine, lacks, look
from twinstage.runtime.local.settings import Settings

ALWAYS = {"one kernel for both ecosystems", "no policy of a security module", "no quota on the disk"}
EVERY = frozenset({"user", "net", "mnt", "pid", "ipc", "uts", "cgroup"})


def names(**found: object) -> set[str]:
    whole: dict[str, object] = {"root": True, "swaps": False, "swap_bounded": True, "namespaces": EVERY}
    return {lack.name for lack in lacks(Machine(**{**whole, **found}))} - ALWAYS  # type: ignore[arg-type]


def test_a_rich_machine_lacks_what_every_machine_lacks() -> None:
    assert names() == set()
    rich = Machine(root=True, swaps=False, swap_bounded=True, namespaces=EVERY)
    assert {lack.name for lack in lacks(rich)} == ALWAYS


def test_an_ordinary_user_has_one_account() -> None:
    assert names(root=False) == {"one account for everything"}


def test_swap_is_lacking_a_bound_only_where_there_is_some() -> None:
    assert names(swap_bounded=False) == set()
    assert names(swaps=True) == set()
    assert names(swaps=True, swap_bounded=False) == {"no bound on swap"}


def test_an_old_kernel_shows_its_groups() -> None:
    assert names(namespaces=EVERY - {"cgroup"}) == {"no namespace of control groups"}


def test_each_says_what_it_means_and_what_it_would_take() -> None:
    poorest = Machine(root=False, swaps=True, swap_bounded=False, namespaces=frozenset())
    for lack in (*lacks(poorest), *not_in_force(Gives(sessions=True, files=9)), UNNOTED):
        assert lack.name
        assert lack.means
        assert lack.takes
        assert not lack.takes.startswith("it would take")


def test_limits_that_are_not_in_force_are_lacking() -> None:
    poor = Gives(sessions=True, files=1024)
    off = [it.what for it in limits(poor) if not it.in_force]
    assert len(off) == 4
    assert [it.name for it in not_in_force(poor)] == [f"not in force: {what}" for what in off]
    assert all(not it.means for it in limits(poor) if it.in_force)


def test_a_kernel_without_notes_is_told_by_the_sentinel_that_met_it() -> None:
    for noted, found in ((True, ()), (False, (UNNOTED,))):
        assert met(answers=[], unread=0, starts=1, noted=noted) == found
    assert met(answers=[], unread=0, starts=1) == (), "one of an older Twinstage does not know"


def met(**told: object) -> tuple[Lack, ...]:
    class Told:
        def ask(self, **_: object) -> dict[str, object]:
            return told

    seen = counted(Ecosystem.STAGING, Told())  # type: ignore[arg-type]
    assert seen is not None
    return seen.lacking


def test_lacks_are_kept_with_the_companys_settings(tmp_path: Path) -> None:
    kept = tmp_path / "settings.json"
    replace(SETTINGS, lacking=(UNNOTED,)).write(kept, os.geteuid())
    assert Settings.read(kept).lacking == (UNNOTED,)


def test_lacks_that_an_older_twinstage_kept_as_sentences_are_still_told(tmp_path: Path) -> None:
    kept = tmp_path / "settings.json"
    SETTINGS.write(kept, os.geteuid())
    told = json.loads(kept.read_text())
    kept.write_text(json.dumps({**told, "lacking": ["no bound on swap: it fills; it would take another"]}))
    (lack,) = Settings.read(kept).lacking
    assert lack.means == "no bound on swap: it fills; it would take another"
    assert "twinstage up" in lack.takes


def test_this_machine_is_looked_at() -> None:
    found = look()
    assert found.root == (os.geteuid() == 0)
    assert "user" in found.namespaces
