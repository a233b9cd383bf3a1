def test_the_warehouse_answers(ask):
    status, answer = ask("/stock?sku=assam")
    assert status == 200
    assert answer["stock"]["assam"] > 0


def test_its_mode(ask):
    assert ask("/healthz") == (200, {"service": "inventory", "mode": "sandbox"})
