def test_it_is_healthy(program):
    health = {"service": "inventory", "mode": "sandbox", "database": "answers"}
    assert program.ask("/healthz") == (200, health)


def test_stock_of_two(program):
    assert program.ask("/stock?sku=cup&sku=kettle") == (200, {"stock": {"kettle": 9, "cup": 64}})


def test_everything_if_nothing_is_named(program):
    assert len(program.ask("/stock")[1]["stock"]) == 6


def test_what_is_unknown_is_left_out(program):
    assert program.ask("/stock?sku=teapot") == (200, {"stock": {}})


def test_a_delivery_is_put_on_its_shelf(program, database):
    _, before = program.ask("/stock?sku=rooibos")
    status, answer = program.ask("/deliveries", {"sku": "rooibos", "count": 24})
    assert status == 200
    assert answer == {"sku": "rooibos", "stock": before["stock"]["rooibos"] + 24}
    assert program.ask("/stock?sku=rooibos")[1]["stock"]["rooibos"] == answer["stock"]
    last = database.execute("SELECT sku, count FROM deliveries ORDER BY id DESC LIMIT 1")
    assert last.fetchone() == ("rooibos", 24)


def test_no_such_shelf(program):
    assert program.ask("/deliveries", {"sku": "teapot", "count": 1})[0] == 404


def test_not_a_delivery(program):
    assert program.ask("/deliveries", {"sku": "cup", "count": -1})[0] == 422


def test_lost_connections_are_made_anew(program, database):
    mine = "FROM pg_stat_activity WHERE usename = session_user AND pid <> pg_backend_pid()"
    assert database.execute(f"SELECT count(pg_terminate_backend(pid)) {mine}").fetchone() > (0,)
    assert program.ask("/stock?sku=cup")[0] == 200


def test_nothing_elsewhere(program):
    assert program.ask("/shelves")[0] == 404
