from shipping.parcels import FURTHER, parcel


def test_next_door_is_near():
    assert parcel("DE", 1, "live")["days"] == 1


def test_the_world_is_wide():
    assert parcel("NZ", 1, "live")["days"] == FURTHER


def test_labels_of_the_sandbox_are_marked():
    assert parcel("DE", 2, "sandbox")["tracking"].startswith("TEST-")
    assert not parcel("DE", 2, "live")["tracking"].startswith("TEST-")
