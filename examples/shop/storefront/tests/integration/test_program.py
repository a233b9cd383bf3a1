from urllib.request import urlopen

import pytest

CUP = {"name": "Cup", "net": 900, "reduced": False, "available": True}
WISH = {"customer": "ada", "basket": {"cup": 2}}


@pytest.fixture(autouse=True)
def the_others(neighbours):
    neighbours.answers |= {
        "/customers/ada": (200, {"id": "ada", "name": "Ada", "country": "DE"}),
        "/products": (200, {"price_list": 7, "products": [CUP]}),
        "/quotes": (200, {"amount": 1800, "lines": [{"sku": "cup", "quantity": 2}]}),
        "/orders": (200, {"order": "sandbox-1", "paid": 1800}),
    }
    neighbours.baggage.clear()


def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "storefront", "mode": "sandbox"})


def test_the_home_page(program):
    with urlopen(program.url + "/?customer=ada", timeout=10) as reply:
        page = reply.read().decode()
    assert "Welcome back, Ada." in page
    assert "9.00 €" in page


def test_a_checkout(program, neighbours):
    assert program.ask("/checkout", WISH, baggage="twinstage-lane=0a1b2c3d") == (
        200,
        {"order": "sandbox-1", "paid": 1800},
    )
    assert neighbours.baggage == ["twinstage-lane=0a1b2c3d"] * 3


def test_not_a_checkout(program):
    assert program.ask("/checkout", {"basket": {}})[0] == 400


def test_it_says_so_when_the_catalogue_fails(program, neighbours):
    neighbours.answers["/products"] = (502, {})
    status, problem = program.ask("/")
    assert status == 502
    assert "catalog answered 502" in problem["detail"]
