import pytest

from catalog.products import PRODUCTS


@pytest.fixture(autouse=True)
def pricing_and_inventory(neighbours):
    prices = dict.fromkeys(PRODUCTS, {"base": 1200, "discount": 300, "net": 900})
    neighbours.answers["/prices"] = (200, {"price_list": 7, "prices": prices})
    neighbours.answers["/stock"] = (200, {"stock": dict.fromkeys(PRODUCTS, 5)})
    neighbours.baggage.clear()


def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "catalog", "mode": "sandbox"})


def test_all_products(program):
    status, answer = program.ask("/products")
    assert status == 200
    assert answer["price_list"] == 7
    assert [product["sku"] for product in answer["products"]] == list(PRODUCTS)


def test_one_product(program):
    status, product = program.ask("/products/cup")
    assert status == 200
    assert product["net"] == 900


def test_no_such_product(program):
    assert program.ask("/products/teapot")[0] == 404


def test_baggage_goes_on(program, neighbours):
    program.ask("/products", baggage="twinstage-lane=0a1b2c3d")
    assert neighbours.baggage == ["twinstage-lane=0a1b2c3d"] * 2


def test_it_says_so_when_pricing_fails(program, neighbours):
    neighbours.answers["/prices"] = (500, {})
    status, problem = program.ask("/products")
    assert status == 502
    assert "pricing answered 500" in problem["detail"]
