from pricing.prices import BASE, base_prices, prices


def test_every_price_is_positive():
    assert all(price > 0 for price in base_prices([]).values())


def test_a_discount_is_taken_off():
    assert prices(["cup"], {"cup": 200}) == {"cup": {"base": 1200, "discount": 200, "net": 1000}}


def test_nobody_is_paid_for_buying():
    assert prices(["cup"], {"cup": 5000})["cup"]["net"] == 0


def test_what_is_unknown_is_left_out():
    assert prices(["teapot"], {}) == {}
    assert set(prices([], {})) == set(BASE)
