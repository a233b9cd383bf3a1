def test_products_with_real_prices_and_stock(ask):
    status, answer = ask("/products")
    assert status == 200
    assert len(answer["products"]) == 6
    assert all(product["net"] > 0 for product in answer["products"])
    assert any(product["reduced"] for product in answer["products"])
    assert any(product["available"] for product in answer["products"])
