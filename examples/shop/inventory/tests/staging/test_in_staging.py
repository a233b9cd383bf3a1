def test_the_warehouse_answers(ask):
    status, answer = ask("/stock?sku=assam")
    assert status == 200
    assert answer["stock"]["assam"] > 0


def test_a_delivery_is_put_on_its_shelf(ask):
    _, before = ask("/stock?sku=cup")
    status, answer = ask("/deliveries", {"sku": "cup", "count": 24})
    assert status == 200
    assert answer["stock"] == before["stock"]["cup"] + 24
    assert ask("/stock?sku=cup")[1]["stock"]["cup"] == answer["stock"]


def test_its_mode_and_its_database(ask):
    health = {"service": "inventory", "mode": "sandbox", "database": "answers"}
    assert ask("/healthz") == (200, health)
