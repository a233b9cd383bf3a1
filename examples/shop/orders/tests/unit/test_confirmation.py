from orders.confirmation import confirmation

PAYMENT = {"amount": 1200, "authorisation": "testbank-1"}


def test_all_that_matters_is_in_it():
    assert confirmation("7", PAYMENT, {"tracking": "TEST-1", "days": 3}) == {
        "order": "7",
        "paid": 1200,
        "authorisation": "testbank-1",
        "tracking": "TEST-1",
        "message": "Thank you. Your tea arrives in 3 days.",
    }


def test_one_day_is_tomorrow():
    message = confirmation("7", PAYMENT, {"tracking": "TEST-1", "days": 1})["message"]
    assert message == "Thank you. Your tea arrives tomorrow."
