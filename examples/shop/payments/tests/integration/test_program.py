def test_it_is_healthy(program):
    health = {"service": "payments", "mode": "sandbox", "database": "answers"}
    assert program.ask("/healthz") == (200, health)


def test_a_payment(program):
    status, receipt = program.ask("/payments", {"amount": 1200, "country": "AT"})
    assert status == 200
    assert receipt["authorisation"].startswith("testbank-")
    assert receipt["amount"] == 1200


def test_a_payment_is_kept(program):
    _, before = program.ask("/payments")
    _, receipt = program.ask("/payments", {"amount": 1200, "country": "AT"})
    status, payment = program.ask(f"/payments/{receipt['authorisation']}")
    assert status == 200
    assert payment.items() >= {"amount": 1200, "country": "AT", "fee": 0}.items()
    _, after = program.ask("/payments")
    assert after["payments"] == before["payments"] + 1
    assert after["amount"] == before["amount"] + 1200


def test_no_such_payment(program):
    assert program.ask("/payments/testbank-0")[0] == 404


def test_lost_connections_are_made_anew(program, database):
    mine = "FROM pg_stat_activity WHERE usename = session_user AND pid <> pg_backend_pid()"
    assert database.execute(f"SELECT count(pg_terminate_backend(pid)) {mine}").fetchone() > (0,)
    assert program.ask("/payments", {"amount": 1200, "country": "DE"})[0] == 200


def test_not_a_payment(program):
    assert program.ask("/payments", {"amount": -5, "country": "DE"})[0] == 422
    assert program.ask("/payments", {"amount": 1200})[0] == 422
    assert program.ask("/payments", {"amount": 1200, "country": "D\0E"})[0] == 422
    assert program.ask("/payments", {"amount": 10**12, "country": "DE"})[0] == 422
