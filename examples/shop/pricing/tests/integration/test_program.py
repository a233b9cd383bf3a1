import pytest


@pytest.fixture(autouse=True)
def promotions(neighbours):
    neighbours.answers["/discounts"] = (200, {"discounts": {"cup": 200}})
    neighbours.baggage.clear()


def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "pricing", "mode": "sandbox"})


def test_a_price_less_its_discount(program):
    status, answer = program.ask("/prices?sku=cup")
    assert status == 200
    assert answer["currency"] == "EUR"
    assert answer["prices"] == {"cup": {"base": 1200, "discount": 200, "net": 1000}}


def test_base_prices_ask_nobody(program, neighbours):
    assert program.ask("/base-prices?sku=cup") == (200, {"base_prices": {"cup": 1200}})
    assert neighbours.baggage == []


def test_baggage_goes_on(program, neighbours):
    program.ask("/prices", baggage="twinstage-lane=0a1b2c3d")
    assert neighbours.baggage == ["twinstage-lane=0a1b2c3d"]


def test_it_says_so_when_promotions_fail(program, neighbours):
    neighbours.answers["/discounts"] = (500, {})
    status, problem = program.ask("/prices")
    assert status == 502
    assert "promotions answered 500" in problem["detail"]
