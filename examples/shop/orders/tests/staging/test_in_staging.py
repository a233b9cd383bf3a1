def test_an_order_is_paid_and_shipped(ask):
    status, confirmation = ask("/orders", {"amount": 1200, "pieces": 2, "country": "AT"})
    assert status == 200
    assert confirmation["authorisation"].startswith("testbank-")
    assert confirmation["tracking"].startswith("TEST-")


def test_an_order_is_kept_in_this_lane_s_own_database(ask):
    _, before = ask("/orders?limit=0")
    placed = {"amount": 900, "pieces": 1, "country": "DE"}
    placed |= {wish: f"{wish}, please" for wish in before["wishes"]}
    _, confirmation = ask("/orders", placed)
    status, order = ask(f"/orders/{confirmation['order']}")
    assert status == 200
    assert order.items() >= placed.items()
    assert order["authorisation"] == confirmation["authorisation"]
    _, after = ask("/orders?limit=1")
    assert after["orders"] > before["orders"]
