import pytest

from orders.order import NotAnOrder, order

WANTED = {"amount": 1200, "pieces": 2, "country": "DE"}


def test_what_is_not_wished_for_is_empty():
    assert order(WANTED, ["leave_with"]) == WANTED | {"leave_with": ""}


def test_what_nobody_offers_is_left_out():
    assert order(WANTED | {"discount": "all of it"}, []) == WANTED


@pytest.mark.parametrize("lacking", ["amount", "pieces", "country"])
def test_all_of_it_is_needed(lacking):
    with pytest.raises(NotAnOrder, match="send"):
        order({name: value for name, value in WANTED.items() if name != lacking}, [])


@pytest.mark.parametrize("wanted", [None, [], "tea", WANTED | {"amount": "much"}])
def test_not_an_order_at_all(wanted):
    with pytest.raises(NotAnOrder, match="send"):
        order(wanted, [])


@pytest.mark.parametrize("change", [{"amount": 0}, {"amount": 10**9}, {"pieces": 0}])
def test_nobody_sells_that(change):
    with pytest.raises(NotAnOrder, match="nobody sells"):
        order(WANTED | change, [])


@pytest.mark.parametrize("text", [7, None, "two\nlines", "nothing\0", "x" * 201])
def test_a_wish_is_a_line_of_text(text):
    with pytest.raises(NotAnOrder, match="leave_with has to be a line of text"):
        order(WANTED | {"leave_with": text}, ["leave_with"])
