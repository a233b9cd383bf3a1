def test_discounts_of_real_base_prices(ask):
    status, answer = ask("/discounts?sku=oolong&sku=cup&sku=kettle")
    assert status == 200
    assert set(answer["discounts"]) == {"oolong", "cup"}
    assert all(cents > 0 for cents in answer["discounts"].values())
