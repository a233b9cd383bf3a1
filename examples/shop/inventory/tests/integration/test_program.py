def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "inventory", "mode": "sandbox"})


def test_stock_of_two(program):
    assert program.ask("/stock?sku=cup&sku=kettle") == (200, {"stock": {"kettle": 9, "cup": 64}})


def test_nothing_elsewhere(program):
    assert program.ask("/shelves")[0] == 404
