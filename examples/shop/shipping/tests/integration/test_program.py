def test_it_is_healthy(program):
    assert program.ask("/healthz") == (200, {"service": "shipping", "mode": "sandbox"})


def test_a_parcel(program):
    status, parcel = program.ask("/parcels", {"country": "AT", "pieces": 3})
    assert status == 200
    assert parcel["days"] == 2
    assert parcel["pieces"] == 3


def test_not_a_parcel(program):
    assert program.ask("/parcels", {"country": "AT", "pieces": 0})[0] == 422
