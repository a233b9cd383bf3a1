def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "payments", "mode": "sandbox"})


def test_a_payment(program):
    status, receipt = program.ask("/payments", {"amount": 1200, "country": "AT"})
    assert status == 200
    assert receipt["authorisation"].startswith("testbank-")
    assert receipt["amount"] == 1200


def test_not_a_payment(program):
    assert program.ask("/payments", {"amount": -5, "country": "DE"})[0] == 422
    assert program.ask("/payments", {"amount": 1200})[0] == 422
