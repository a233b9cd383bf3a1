def test_the_home_page(ask):
    status, page = ask("/?customer=ada")
    assert status == 200
    assert "Welcome back, Ada." in page
    assert "Sencha" in page
    assert "Sandbox" in page


def test_a_checkout_through_all_nine(ask):
    status, confirmation = ask("/checkout", {"customer": "lise", "basket": {"assam": 2, "cup": 1}})
    assert status == 200
    assert confirmation["paid"] > 0
    assert confirmation["tracking"].startswith("TEST-")
