import pytest

ORDER = {"amount": 1200, "pieces": 2, "country": "DE"}


@pytest.fixture(autouse=True)
def payments_and_shipping(neighbours):
    neighbours.answers["/payments"] = (200, {"amount": 1200, "authorisation": "testbank-1"})
    neighbours.answers["/parcels"] = (200, {"tracking": "TEST-1", "days": 1, "pieces": 2})
    neighbours.baggage.clear()


def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "orders", "mode": "sandbox"})


def test_an_order(program):
    status, confirmation = program.ask("/orders", ORDER)
    assert status == 200
    assert confirmation["order"].startswith("sandbox-")
    assert confirmation["paid"] == 1200


def test_not_an_order(program):
    assert program.ask("/orders", {"amount": 1200})[0] == 400


def test_baggage_goes_on(program, neighbours):
    program.ask("/orders", ORDER, baggage="twinstage-lane=0a1b2c3d")
    assert neighbours.baggage == ["twinstage-lane=0a1b2c3d"] * 2


def test_nothing_leaves_the_house_unpaid(program, neighbours):
    neighbours.answers["/payments"] = (500, {})
    status, problem = program.ask("/orders", ORDER)
    assert status == 502
    assert "payments answered 500" in problem["detail"]
    assert len(neighbours.baggage) == 1
