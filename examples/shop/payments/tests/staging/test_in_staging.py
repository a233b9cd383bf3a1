import pytest


@pytest.mark.parametrize("country", ["AT", "DE", "FR", "IT"])
def test_the_test_bank_pays(ask, country):
    status, receipt = ask("/payments", {"amount": 1200, "country": country})
    assert status == 200
    assert receipt["authorisation"].startswith("testbank-")
    status, payment = ask(f"/payments/{receipt['authorisation']}")
    assert status == 200
    assert payment["country"] == country


def test_not_a_payment(ask):
    assert ask("/payments", {"amount": 0, "country": "DE"})[0] == 422
