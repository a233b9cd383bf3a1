"""The acts' edits, against the example's present sources: an example that changes must not leave an edit behind."""

import ast
from pathlib import Path

import pytest

from twinstage.demo import changes
from twinstage.demo.repositories import examples


def edited(change: changes.Change) -> dict[str, str]:
    texts: dict[str, str] = {}
    for edit in change.edits:
        text = texts.get(edit.file) or (examples() / change.service / edit.file).read_text("utf-8")
        texts[edit.file] = edit.applied(text)
    return texts


def book() -> str:
    return (examples() / "orders" / changes.BOOK).read_text("utf-8")


def migrations() -> list[str]:
    return sorted(path.name for path in (examples() / "orders" / changes.MIGRATIONS).iterdir())


ALL = [
    changes.new_wish(book(), migrations()),
    changes.lost_quantity(),
    changes.fees_by_country(),
    changes.hard_coded_neighbour(10003),
]


@pytest.mark.parametrize("change", ALL, ids=lambda change: change.title)
def test_every_edit_still_fits_the_example_and_is_python(change: changes.Change) -> None:
    for file, text in edited(change).items():
        ast.parse(text, file)


@pytest.mark.parametrize("change", ALL, ids=lambda change: change.title)
def test_nobody_reviews_a_change_of_their_own(change: changes.Change) -> None:
    assert change.author != change.reviewer
    assert change.reviewer.email.endswith("@shop.example")


def test_only_the_good_release_is_made_on_main() -> None:
    assert [change.branch is None for change in ALL] == [True, False, False, False]


def test_a_new_wish_is_a_column_that_the_orders_there_are_and_the_release_before_can_do_without() -> None:
    (migration,) = changes.new_wish(book(), migrations()).files
    assert migration.file == "src/orders/migrations/0002_gift_note.sql"
    assert migration.text == "ALTER TABLE orders ADD COLUMN gift_note text NOT NULL DEFAULT '';\n"


def test_a_new_wish_can_follow_the_last_one_for_ever() -> None:
    text, names, wishes = book(), migrations(), changes.wishes(book())
    for number in range(2, 9):
        change = changes.new_wish(text, names)
        text = change.edits[0].applied(text)
        names.append(Path(change.files[0].file).name)
        assert names[-1].startswith(f"{number:04}_{changes.wishes(text)[-1]}")
        assert changes.wishes(text)[:-1] == wishes
        wishes = changes.new_wishes(change)
    assert len(set(wishes)) == 8


def test_the_lost_quantity_makes_three_cost_as_much_as_one() -> None:
    quote = _function(edited(changes.lost_quantity())[changes.QUOTES], "quote")
    assert quote({"cup": 3}, {"cup": {"net": 900}}, {"cup": 5})["amount"] == 900


def test_fees_by_country_fail_for_austria_and_only_where_it_is_live() -> None:
    fee = _function(edited(changes.fees_by_country())[changes.FEES], "fee")
    assert fee(10_000, "AT", "sandbox") == 0
    assert fee(10_000, "DE", "live") == 120
    with pytest.raises(KeyError):
        fee(10_000, "AT", "live")


def test_the_stray_call_names_productions_port_and_can_be_told_apart_in_a_log() -> None:
    text = edited(changes.hard_coded_neighbour(10007))[changes.CART]
    assert 'PRICING = "http://127.0.0.1:10007"' in text
    assert f"&from={changes.STRAY}" in text


@pytest.mark.parametrize("text", ["", "twice twice"])
def test_an_edit_that_does_not_fit_says_so(text: str) -> None:
    edit = changes.Edit(file="src/a.py", old="twice", new="once")
    with pytest.raises(ValueError, match=r"cannot edit src/a\.py: it has 'twice' \d times, not once"):
        edit.applied(text)


def _function(source: str, name: str):  # type: ignore[no-untyped-def]
    scope: dict[str, object] = {}
    exec(compile(source, str(Path(name)), "exec"), scope)
    return scope[name]
