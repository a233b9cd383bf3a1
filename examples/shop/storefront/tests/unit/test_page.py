from storefront.page import home, row

CUP = {"name": "Cup", "net": 905, "reduced": True, "available": True}


def test_a_price_in_euros():
    assert row(CUP) == '<tr><td>Cup</td><td class="reduced">9.05 €</td></tr>'


def test_sold_out():
    assert "sold out" in row(CUP | {"available": False})


def test_a_name_is_only_text():
    assert "<b>" not in home([CUP], 1, "<b>Ada</b>", "live")


def test_the_sandbox_says_so():
    assert "Sandbox" in home([CUP], 1, None, "sandbox")
    assert "Sandbox" not in home([CUP], 1, None, "live")
