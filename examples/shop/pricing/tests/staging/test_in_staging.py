def test_prices_with_real_promotions(ask):
    status, answer = ask("/prices?sku=assam&sku=sencha")
    assert status == 200
    for price in answer["prices"].values():
        assert price["net"] == price["base"] - price["discount"]


def test_one_price_is_reduced(ask):
    _, answer = ask("/prices")
    assert any(price["discount"] > 0 for price in answer["prices"].values())
