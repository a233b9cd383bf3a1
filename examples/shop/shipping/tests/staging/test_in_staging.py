def test_a_parcel_that_nobody_loads(ask):
    status, parcel = ask("/parcels", {"country": "DE", "pieces": 1})
    assert status == 200
    assert parcel["tracking"].startswith("TEST-")
