from accounts.customers import CUSTOMERS, customer


def test_a_customer_lives_somewhere():
    assert customer("lise", "live") == {
        "id": "lise",
        "name": "Lise",
        "country": "AT",
        "email": "lise@customers.example",
    }


def test_sandbox_never_shows_a_real_address():
    for name in CUSTOMERS:
        assert customer(name, "sandbox")["email"].endswith("@sandbox.example")


def test_a_stranger_is_nobody():
    assert customer("nobody", "live") is None
