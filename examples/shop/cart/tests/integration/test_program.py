import pytest


@pytest.fixture(autouse=True)
def pricing_and_inventory(neighbours):
    neighbours.answers["/prices"] = (200, {"prices": {"cup": {"net": 900}}})
    neighbours.answers["/stock"] = (200, {"stock": {"cup": 2}})
    neighbours.baggage.clear()


def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "cart", "mode": "sandbox"})


def test_a_quote(program):
    status, quote = program.ask("/quotes", {"basket": {"cup": 1}})
    assert status == 200
    assert quote["amount"] == 900


def test_more_than_there_is(program):
    status, problem = program.ask("/quotes", {"basket": {"cup": 3}})
    assert status == 409
    assert problem["detail"] == "only 2 of cup are left"


def test_not_a_basket(program):
    assert program.ask("/quotes", ["cup"])[0] == 400


def test_baggage_goes_on(program, neighbours):
    program.ask("/quotes", {"basket": {"cup": 1}}, baggage="twinstage-lane=0a1b2c3d")
    assert neighbours.baggage == ["twinstage-lane=0a1b2c3d"] * 2


def test_it_says_so_when_inventory_fails(program, neighbours):
    neighbours.answers["/stock"] = (500, {})
    status, problem = program.ask("/quotes", {"basket": {"cup": 1}})
    assert status == 502
    assert "inventory answered 500" in problem["detail"]
