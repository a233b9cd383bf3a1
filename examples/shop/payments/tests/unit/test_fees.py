from payments.fees import fee


def test_the_sandbox_takes_nothing():
    assert fee(10_000, "DE", "sandbox") == 0
    assert fee(10_000, "AT", "sandbox") == 0


def test_a_real_acquirer_takes_a_little():
    assert 0 < fee(10_000, "DE", "live") < 500
