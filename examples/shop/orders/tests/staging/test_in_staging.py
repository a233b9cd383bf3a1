def test_an_order_is_paid_and_shipped(ask):
    status, confirmation = ask("/orders", {"amount": 1200, "pieces": 2, "country": "AT"})
    assert status == 200
    assert confirmation["authorisation"].startswith("testbank-")
    assert confirmation["tracking"].startswith("TEST-")
