from catalog.products import offer

PRICES = {
    "cup": {"base": 1200, "discount": 300, "net": 900},
    "kettle": {"base": 3900, "discount": 0, "net": 3900},
}


def test_a_reduced_product():
    assert offer("cup", PRICES, {"cup": 3}) == {
        "sku": "cup",
        "name": "Cup without a handle",
        "net": 900,
        "reduced": True,
        "available": True,
    }


def test_nothing_left():
    assert not offer("kettle", PRICES, {"kettle": 0})["available"]
    assert not offer("kettle", PRICES, {})["available"]
