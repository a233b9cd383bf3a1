from promotions.discounts import DEAREST, discounts


def test_a_quarter_off():
    assert discounts({"cup": 1200}) == {"cup": 300}


def test_rounded_in_the_customers_favour():
    assert discounts({"oolong": 891}) == {"oolong": 90}


def test_no_offer_no_discount():
    assert discounts({"kettle": 3900}) == {}


def test_what_is_dear_is_never_reduced():
    assert discounts({"cup": DEAREST + 1}) == {}
