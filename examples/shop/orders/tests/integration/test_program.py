import pytest

from orders.book import WISHES

ORDER = {"amount": 1200, "pieces": 2, "country": "DE"}
WISHED = {wish: f"{wish}, please" for wish in WISHES}


@pytest.fixture(autouse=True)
def payments_and_shipping(neighbours):
    neighbours.answers["/payments"] = (200, {"amount": 1200, "authorisation": "testbank-1"})
    neighbours.answers["/parcels"] = (200, {"tracking": "TEST-1", "days": 1, "pieces": 2})
    neighbours.baggage.clear()


def test_it_is_healthy(program):
    health = {"service": "orders", "mode": "sandbox", "database": "answers"}
    assert program.ask("/healthz") == (200, health)


def test_an_order(program):
    status, confirmation = program.ask("/orders", ORDER)
    assert status == 200
    assert confirmation["order"].startswith("sandbox-")
    assert confirmation["paid"] == 1200


def test_not_an_order(program):
    assert program.ask("/orders", {"amount": 1200})[0] == 400


def test_an_order_is_kept(program):
    _, confirmation = program.ask("/orders", ORDER | WISHED)
    status, order = program.ask(f"/orders/{confirmation['order']}")
    assert status == 200
    assert order.items() >= (ORDER | WISHED).items()
    assert order["authorisation"] == "testbank-1"
    assert order["tracking"] == "TEST-1"


def test_the_newest_comes_first(program):
    _, before = program.ask("/orders")
    _, confirmation = program.ask("/orders", ORDER)
    _, after = program.ask("/orders?limit=1")
    assert after["orders"] == before["orders"] + 1
    assert after["amount"] == before["amount"] + 1200
    assert [order["number"] for order in after["latest"]] == [confirmation["order"]]


def test_no_such_order(program):
    assert program.ask("/orders/nowhere")[0] == 404


@pytest.mark.parametrize("limit", ["-1", "many", "101"])
def test_not_a_limit(program, limit):
    assert program.ask(f"/orders?limit={limit}")[0] == 400


def test_lost_connections_are_made_anew(program, database):
    mine = "FROM pg_stat_activity WHERE usename = session_user AND pid <> pg_backend_pid()"
    assert database.execute(f"SELECT count(pg_terminate_backend(pid)) {mine}").fetchone() > (0,)
    assert program.ask("/orders", ORDER)[0] == 200


def test_baggage_goes_on(program, neighbours):
    program.ask("/orders", ORDER, baggage="twinstage-lane=0a1b2c3d")
    assert neighbours.baggage == ["twinstage-lane=0a1b2c3d"] * 2


def test_nothing_leaves_the_house_unpaid(program, neighbours):
    neighbours.answers["/payments"] = (500, {})
    status, problem = program.ask("/orders", ORDER)
    assert status == 502
    assert "payments answered 500" in problem["detail"]
    assert len(neighbours.baggage) == 1
    _, orders = program.ask("/orders?limit=1")
    assert orders["latest"][0]["authorisation"] is None
