import pytest

from cart.quotes import BasketRefused, quote

PRICES = {"assam": {"net": 590}, "cup": {"net": 900}}
STOCK = {"assam": 10, "cup": 1}


def test_one_of_a_kind():
    assert quote({"cup": 1}, PRICES, STOCK) == {
        "lines": [{"sku": "cup", "quantity": 1, "amount": 900}],
        "amount": 900,
    }


def test_three_cost_three_times_as_much():
    assert quote({"assam": 3}, PRICES, STOCK)["amount"] == 3 * 590


def test_a_basket_is_the_sum_of_its_lines():
    assert quote({"assam": 2, "cup": 1}, PRICES, STOCK)["amount"] == 2 * 590 + 900


@pytest.mark.parametrize(
    ("basket", "why"),
    [
        ({}, "the basket is empty"),
        ({"assam": 0}, "0 of assam is not a quantity"),
        ({"teapot": 1}, "there is no teapot"),
        ({"cup": 2}, "only 1 of cup are left"),
    ],
)
def test_what_cannot_be_sold(basket, why):
    with pytest.raises(BasketRefused, match=why):
        quote(basket, PRICES, STOCK)
