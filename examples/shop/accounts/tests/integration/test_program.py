def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "accounts", "mode": "sandbox"})


def test_it_knows_a_customer(program):
    status, customer = program.ask("/customers/ada")
    assert status == 200
    assert customer["name"] == "Ada"


def test_it_does_not_know_a_stranger(program):
    status, problem = program.ask("/customers/nobody")
    assert status == 404
    assert problem["title"] == "no such customer"
