from inventory.stock import SHELVES, stock


def test_everything_if_nothing_is_named():
    assert stock([]) == SHELVES


def test_only_what_is_named():
    assert stock(["kettle"]) == {"kettle": 9}


def test_what_is_unknown_is_left_out():
    assert stock(["teapot"]) == {}
