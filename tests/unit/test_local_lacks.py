"""What a machine is said to lack: by name, with what it means and what it would take."""

import os

from twinstage.runtime.local.lacks import Machine, lacks, look

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
    for lack in lacks(Machine(root=False, swaps=True, swap_bounded=False, namespaces=frozenset())):
        assert lack.sentence == f"{lack.name}: {lack.means}; it would take {lack.takes}"
        assert lack.means
        assert lack.takes


def test_this_machine_is_looked_at() -> None:
    found = look()
    assert found.root == (os.geteuid() == 0)
    assert "user" in found.namespaces
