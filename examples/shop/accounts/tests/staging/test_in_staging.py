def test_customers_of_the_sandbox(ask):
    status, customer = ask("/customers/lise")
    assert status == 200
    assert customer["country"] == "AT"
    assert customer["email"].endswith("@sandbox.example")


def test_a_stranger(ask):
    assert ask("/customers/nobody")[0] == 404
