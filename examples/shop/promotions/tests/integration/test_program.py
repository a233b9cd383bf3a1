import pytest


@pytest.fixture(autouse=True)
def pricing(neighbours):
    neighbours.answers["/base-prices"] = (200, {"base_prices": {"cup": 1200, "kettle": 3900}})
    neighbours.baggage.clear()


def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "promotions", "mode": "sandbox"})


def test_discounts_of_base_prices(program):
    assert program.ask("/discounts?sku=cup") == (200, {"discounts": {"cup": 300}})


def test_baggage_goes_on(program, neighbours):
    program.ask("/discounts?sku=cup", baggage="twinstage-lane=0a1b2c3d")
    assert neighbours.baggage == ["twinstage-lane=0a1b2c3d"]


def test_it_says_so_when_pricing_fails(program, neighbours):
    neighbours.answers["/base-prices"] = (503, {})
    status, problem = program.ask("/discounts?sku=cup")
    assert status == 502
    assert "pricing answered 503" in problem["detail"]
